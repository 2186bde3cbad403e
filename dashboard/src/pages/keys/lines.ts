/** A question for a terminal, ready to be pasted. */
export function curlLine(baseUrl: string, key: string, model: string): string {
  return [
    `curl -N ${baseUrl}/chat/completions \\`,
    `  -H "Authorization: Bearer ${key}" \\`,
    `  -H "Content-Type: application/json" \\`,
    `  -d '{"model": "${model}", "stream": true, "messages": [{"role": "user", "content": "Hello!"}]}'`,
  ].join("\n");
}

/** The same with OpenAI's own library. */
export function pythonLines(baseUrl: string, key: string, model: string): string {
  return [
    "from openai import OpenAI",
    "",
    `client = OpenAI(base_url="${baseUrl}", api_key="${key}")`,
    "answer = client.chat.completions.create(",
    `    model="${model}", messages=[{"role": "user", "content": "Hello!"}]`,
    ")",
    "print(answer.choices[0].message.content)",
  ].join("\n");
}
