// `node dist/gateway/demo/main.js [--host HOST] [--port PORT] [--models-dir DIR] [--tokens-per-second N]`: the demo backend alone, until a signal.
import { parseArgs } from 'node:util'
import { errorText } from '../../base/errors.ts'
import { parseWholeNumber } from '../../base/integers.ts'
import { startDemoBackend } from './demoBackend.ts'
import { MODEL_CARD } from './routes.ts'

const DEFAULT_PORT = 11436

function wholeNumber(name: string, text: string | undefined, min: number, max: number): number | undefined {
  if (text === undefined) return undefined
  const value = parseWholeNumber(text, min, max)
  if (value === undefined) throw new RangeError(`--${name}: expected ${min} to ${max}, got ${text}`)
  return value
}

try {
  const { values } = parseArgs({
    options: {
      host: { type: 'string' },
      port: { type: 'string' },
      'models-dir': { type: 'string' },
      'tokens-per-second': { type: 'string' },
    },
  })
  const port = wholeNumber('port', values.port, 0, 65_535) ?? DEFAULT_PORT
  const tokensPerSecond = wholeNumber('tokens-per-second', values['tokens-per-second'], 1, 1_000)
  const modelsDir = values['models-dir']
  const backend = await startDemoBackend({
    port,
    ...(values.host === undefined ? {} : { host: values.host }),
    ...(modelsDir === undefined ? {} : { modelsDir }),
    ...(tokensPerSecond === undefined ? {} : { tokensPerSecond }),
    onError: (error) => console.error(error),
  })
  console.log(`${MODEL_CARD}\nbase URL: ${backend.url}/v1`)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void backend.close())
} catch (error) {
  console.error(`demo backend: ${errorText(error)}`)
  process.exitCode = 1
}
