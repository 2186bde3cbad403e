"""What the operator decides: settings, models, providers and rates.

``loader`` reads them, ``settings`` holds them, ``catalog`` answers for one model.
"""
