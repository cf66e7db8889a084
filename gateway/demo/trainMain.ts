// `node dist/gateway/demo/trainMain.js [--steps N] [--file NAME]`: trains the demo model further on a text, as a job of the gateway.
// Real steps, a loss that falls, a checkpoint every few steps, the result in SUANLI_OUTPUT. It goes on from SUANLI_RESUME.
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { parseArgs } from 'node:util'
import { mustExist } from '../../base/assert.ts'
import { errorText, OperatorError } from '../../base/errors.ts'
import { parseWholeNumber } from '../../base/integers.ts'
import { type Adapter, arraysOf, decodeAdapter, encodeAdapter, newAdapter } from './adapter.ts'
import type { Example } from './examples.ts'
import { type Base, loadBase } from './models.ts'
import { Passes } from './passes.ts'
import { Adam } from './training.ts'

const STEPS_MAX = 1_000_000
const TEXT_CHARS_MAX = 1_048_576
/** About as many characters as the context has tokens for. */
const PIECE_CHARS = 120
const BATCH = 4
const CHECKPOINT_STEPS = 25
const CHECKPOINTS_KEPT = 3
const RATE = 2e-3
const RANK = 8

const CHECKPOINT = /^step-(\d{7})\.lora$/
const nameOf = (step: number): string => `step-${String(step).padStart(7, '0')}.lora`

function piecesOf(text: string, { tokenizer, model }: Base): readonly Example[] {
  const pieces = text.slice(0, TEXT_CHARS_MAX).match(new RegExp(`[\\s\\S]{1,${PIECE_CHARS}}`, 'g')) ?? []
  return pieces
    .map((piece) => ({ tokens: tokenizer.encode(piece).slice(0, model.sizes.context), from: 1 }))
    .filter(({ tokens }) => tokens.length > 1)
}

interface Place {
  readonly adapter: Adapter
  readonly step: number
}

function beginning({ model, hash }: Base, resume: string | undefined): Place {
  if (resume === undefined) return { adapter: newAdapter(model, { rank: RANK, seed: 1 }), step: 0 }
  const [, digits] = CHECKPOINT.exec(basename(resume)) ?? []
  if (digits === undefined) throw new OperatorError(`${resume} is no checkpoint of this program`)
  const { adapter } = decodeAdapter(new Uint8Array(readFileSync(resume)), model, hash)
  return { adapter, step: Number(digits) }
}

/** The whole file, or none of it. */
function keep(folder: string, name: string, bytes: Uint8Array): void {
  writeFileSync(join(folder, `${name}.partial`), bytes)
  renameSync(join(folder, `${name}.partial`), join(folder, name))
}

function run(
  steps: number,
  text: string,
  folders: { readonly output: string; readonly checkpoints: string },
): void {
  const base = loadBase()
  const examples = piecesOf(text, base)
  if (examples.length === 0) throw new OperatorError('the text is empty')
  const { adapter, step: from } = beginning(base, process.env.SUANLI_RESUME)
  const passes = new Passes(base.model, adapter)
  const gradients = arraysOf(passes.gradient)
  const adam = new Adam(arraysOf(adapter))
  const encoded = (): Uint8Array =>
    encodeAdapter({ adapter, suffix: 'trained', createdAtSeconds: 0 }, base.hash)
  for (let step = from + 1; step <= steps; step++) {
    for (const gradient of gradients) gradient.fill(0)
    let [loss, targets] = [0, 0]
    for (let i = 0; i < BATCH; i++) {
      const example = examples[((step - 1) * BATCH + i) % examples.length]!
      loss += passes.run(example.tokens, example.from, { goesBack: true })
      targets += example.tokens.length - example.from
    }
    adam.apply(gradients, 1 / targets, RATE)
    console.log(JSON.stringify({ step, total_steps: steps, train_loss: loss / targets }))
    if (step % CHECKPOINT_STEPS !== 0) continue
    keep(folders.checkpoints, nameOf(step), encoded())
    rmSync(join(folders.checkpoints, nameOf(step - CHECKPOINT_STEPS * CHECKPOINTS_KEPT)), { force: true })
  }
  keep(folders.output, 'model.lora', encoded())
}

try {
  const { values } = parseArgs({ options: { steps: { type: 'string' }, file: { type: 'string' } } })
  const steps = parseWholeNumber(values.steps ?? '100', 1, STEPS_MAX)
  if (steps === undefined) throw new OperatorError(`--steps: expected 1 to ${STEPS_MAX}`)
  const folder = (name: string): string => mustExist(process.env[name], `${name} is set by the gateway`)
  const file = join(folder('SUANLI_INPUT'), basename(values.file ?? 'text.txt'))
  const folders = { output: folder('SUANLI_OUTPUT'), checkpoints: folder('SUANLI_CHECKPOINTS') }
  run(steps, readFileSync(file, 'utf8'), folders)
} catch (error) {
  console.error(`training: ${errorText(error)}`)
  process.exitCode = 1
}
