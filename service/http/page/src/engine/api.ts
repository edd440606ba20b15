// Requests to the door that served this page. The token is kept in sessionStorage alone: it ends with the tab.
const kTokenKey = "weir.token";
const kTimeoutMs = 10_000;

// A refusal of the engine, or no answer (status 0).
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly help = "",
  ) {
    super(message);
  }
}

export const token = {
  get: (): string => sessionStorage.getItem(kTokenKey) ?? "",
  set: (value: string) => sessionStorage.setItem(kTokenKey, value),
  forget: () => sessionStorage.removeItem(kTokenKey),
};

function headers(): HeadersInit {
  return token.get() ? { Authorization: `Bearer ${token.get()}` } : {};
}

async function refusalOf(answer: Response): Promise<ApiError> {
  const said = (await answer.json().catch(() => ({}))) as { error?: unknown; help?: unknown };
  const sentence = typeof said.error === "string" ? said.error : `the engine answered with status ${answer.status}`;
  return new ApiError(answer.status, sentence, typeof said.help === "string" ? said.help : "");
}

async function ask(path: string, signal: AbortSignal, accept: string): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(path, { headers: { ...headers(), Accept: accept }, cache: "no-store", credentials: "omit", redirect: "error", signal });
  } catch (error) {
    if (signal.aborted && !(signal.reason instanceof DOMException && signal.reason.name === "TimeoutError")) throw error;
    throw new ApiError(0, signal.aborted ? "the engine did not answer within 10 s" : "the engine cannot be reached");
  }
  if (!answer.ok) throw await refusalOf(answer);
  return answer;
}

// `takenMs`: when the engine took it, by a clock of the engine that never jumps; NaN where the door does not say that.
export async function getJson<T>(path: string, signal?: AbortSignal): Promise<{ value: T; takenMs: number }> {
  const timeout = AbortSignal.timeout(kTimeoutMs);
  const answer = await ask(path, signal ? AbortSignal.any([signal, timeout]) : timeout, "application/json");
  try {
    return { value: (await answer.json()) as T, takenMs: Number(answer.headers.get("Weir-Taken-Ms") ?? NaN) };
  } catch {
    throw new ApiError(0, "the engine's answer is incomplete");
  }
}

// Hands out pieces of the stream as they come, until it ends.
export async function readStream(path: string, signal: AbortSignal, opened: () => void, take: (piece: string) => void): Promise<void> {
  const answer = await ask(path, signal, "text/event-stream");
  if (!answer.body) throw new ApiError(0, "the event stream is empty");
  opened();
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    take(value);
  }
}
