// Starts the verifier. Owns: the address of its script, the only one that this page may make a worker of.
import type { Job, Message } from './protocol.ts'

/** Put in by the build. */
declare const VERIFIER_URL: string

interface Policy {
  createScriptURL(url: string): string
}
interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): Policy
}

let policy: Policy | undefined

function workerUrl(): string {
  const { trustedTypes } = globalThis as { readonly trustedTypes?: TrustedTypes }
  const createScriptURL = (url: string): string => {
    if (url !== VERIFIER_URL) throw new TypeError('no script of this page')
    return url
  }
  policy ??= trustedTypes?.createPolicy('suanli', { createScriptURL }) ?? { createScriptURL }
  return policy.createScriptURL(VERIFIER_URL)
}

/** Returns what ends it; nothing is told afterwards. `onBroken`: the script could not run at all. */
export function startVerifier(
  job: Job,
  onMessage: (message: Message) => void,
  onBroken: () => void,
): () => void {
  const worker = new Worker(workerUrl(), { type: 'module' })
  worker.addEventListener('message', ({ data }: MessageEvent<Message>) => onMessage(data))
  worker.addEventListener('error', onBroken)
  worker.postMessage(job)
  return () => worker.terminate()
}
