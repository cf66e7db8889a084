// What stands behind the door, from the configuration: backends by model, the demo model where this process runs it, what serves
// the models that commands make. Owns: opening and closing them. Not: requests to them (http/backend.ts).
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { type GatewayConfig, readSecret } from './config.ts'
import { type DemoBackend, startDemoBackend } from './demo/demoBackend.ts'
import type { GatewayLog } from './gatewayLog.ts'
import { Backend } from './http/backend.ts'

export interface Backends {
  readonly byModel: ReadonlyMap<string, Backend>
  readonly demo: DemoBackend | undefined
  readonly demoBackend: Backend | undefined
  /** By the command's name. */
  readonly commandBackends: ReadonlyMap<string, Backend>
  close(): Promise<void>
}

/** Rejects with ConfigError for a secret that is not there, and with what the demo's start does. */
export async function openBackends(
  config: GatewayConfig,
  totalWeight: () => bigint,
  log: GatewayLog,
): Promise<Backends> {
  const keys = config.backends.map((one, i) => readSecret(one.key, `backends[${i}].key`))
  const byModel = new Map<string, Backend>()
  const commandBackends = new Map<string, Backend>()
  let demo: DemoBackend | undefined
  let demoBackend: Backend | undefined
  const all: Backend[] = []
  const opened = (backend: Backend): Backend => {
    all.push(backend)
    return backend
  }
  for (const [i, one] of config.backends.entries()) {
    if (one.kind === 'command') {
      if (one.url !== '')
        commandBackends.set(one.name!, opened(new Backend(one, keys[i], config.limits, totalWeight)))
      continue
    }
    let backend: Backend
    if (one.kind === 'demo' && one.url === '') {
      const key = randomBytes(24).toString('base64url')
      demo = await startDemoBackend({
        key,
        modelsDir: join(config.dataDir, 'demo-models'),
        onError: (error) => log.error({ error }, 'the demo model failed'),
      })
      backend = opened(new Backend({ ...one, url: demo.url }, key, config.limits, totalWeight))
      demoBackend = backend
    } else backend = opened(new Backend(one, keys[i], config.limits, totalWeight))
    for (const model of one.models) byModel.set(model, backend)
  }
  return {
    byModel,
    demo,
    demoBackend,
    commandBackends,
    async close() {
      for (const backend of all) backend.close()
      await demo?.close()
    },
  }
}
