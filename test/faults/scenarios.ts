// Kill scenarios for validators under load, and what must hold each time (CONSENSUS §4, §5).
// Owns: faults and their order. Not: comparing and auditing (trial.ts).
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { nodePaths } from '../../node/nodePaths.ts'
import type { ValidatorProcess } from '../support/processNetwork.ts'
import type { Trial } from './trial.ts'

/** A network with a quorum finalizes again within this time, however long it had none. */
const RESUME_LIMIT_MS = 60_000
/** Blocks that prove progress. */
const PROOF_BLOCKS = 5

const after = (delayMs: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, delayMs))

/** `kill -9` of one validator at a random moment, `count` times; each restarts and catches up before the next. */
export async function killOneByOne(trial: Trial, count: number): Promise<void> {
  const { random, network, ledger, samples } = trial
  while (count > 0) {
    const node = random.pick(network.nodes)
    await after(random.between(0, 1_500))
    const killedMs = performance.now()
    await trial.kill(node)
    count--
    await after(random.between(0, 2_500))
    // One in five is killed again while it starts or catches up.
    if (count > 0 && random.chance(0.2)) {
      await killWhileStarting(trial, node, random.between(50, 2_500))
      count--
    }
    await trial.advance(PROOF_BLOCKS, RESUME_LIMIT_MS, `without validator ${node.index}`)
    const catchUpMs = await trial.comeBack(node)
    const standstillMs = ledger.longestStandstill(killedMs, performance.now())
    samples.oneDownMs.push(standstillMs)
    trial.print(
      `kill ${samples.kills}: validator ${node.index} at height ${ledger.height}, ` +
        `caught up in ${Math.round(catchUpMs)} ms, longest standstill ${Math.round(standstillMs)} ms`,
    )
    trial.check()
  }
}

async function killWhileStarting(trial: Trial, node: ValidatorProcess, delayMs: number): Promise<void> {
  const starting = trial.start(node).catch(() => undefined)
  await after(delayMs)
  await trial.kill(node)
  await starting
}

/** `kill -9` of all at once and a restart, `count` times. */
export async function killAllAtOnce(trial: Trial, count: number): Promise<void> {
  const { random, network, ledger, samples } = trial
  for (let i = 0; i < count; i++) {
    await after(random.between(200, 2_000))
    await trial.killAll()
    const shown = ledger.height
    const resuming = trial.advance(1, RESUME_LIMIT_MS, 'after all were killed')
    await Promise.all(network.nodes.map((node) => trial.start(node)))
    const resumedMs = await resuming
    samples.allDownMs.push(resumedMs)
    for (const node of network.nodes) await trial.caughtUp(node)
    trial.print(`all killed at height ${shown}: next final block ${Math.round(resumedMs)} ms after the start`)
    trial.check()
  }
}

/** One validator is down for `blocks` blocks; the others continue without it. */
export async function oneDown(trial: Trial, blocks: number): Promise<void> {
  const { random, network } = trial
  const node = random.pick(network.nodes)
  await trial.kill(node)
  const ms = await trial.advance(blocks, RESUME_LIMIT_MS, `without validator ${node.index}`)
  trial.print(`validator ${node.index} down: ${blocks} blocks in ${Math.round(ms)} ms`)
  const catchUpMs = await trial.comeBack(node)
  trial.print(`validator ${node.index} back: caught up in ${Math.round(catchUpMs)} ms`)
  trial.check()
}

/** Two validators are killed: the chain stops for `standMs`; one returns: it resumes by itself. */
export async function twoDown(trial: Trial, standMs: number): Promise<void> {
  const { random, network, ledger, samples } = trial
  const first = random.pick(network.nodes)
  const second = random.pick(network.nodes.filter((node) => node !== first))
  await Promise.all([trial.kill(first), trial.kill(second)])
  // Messages in flight may still finalize a block.
  await after(500)
  const stands = ledger.height
  await after(standMs)
  assert.equal(ledger.height, stands, 'two of four validators finalise nothing')
  const resuming = trial.advance(1, RESUME_LIMIT_MS, `validator ${first.index} is back`)
  await trial.start(first)
  const resumedMs = await resuming
  samples.twoDownMs.push(resumedMs)
  await trial.advance(PROOF_BLOCKS, RESUME_LIMIT_MS, 'three of four')
  trial.print(
    `two down for ${standMs} ms at height ${stands}: next final block ${Math.round(resumedMs)} ms after the start ` +
      `of one, which was up after ${Math.round(samples.startMs.at(-1)!)} ms`,
  )
  await trial.caughtUp(first)
  await trial.comeBack(second)
  trial.check()
}

/** Each validator in turn is terminated, exits with code 0 and restarts. */
export async function restartEach(trial: Trial): Promise<void> {
  const { network, samples } = trial
  for (const node of network.nodes) {
    const code = await trial.terminate(node)
    assert.equal(code, 0, `validator ${node.index} ends with code 0`)
    await trial.advance(PROOF_BLOCKS, RESUME_LIMIT_MS, `without validator ${node.index}`)
    const catchUpMs = await trial.comeBack(node)
    trial.print(
      `validator ${node.index} restarted: closed in ${Math.round(samples.closeMs.at(-1)!)} ms, ` +
        `up in ${Math.round(samples.startMs.at(-1)!)} ms, caught up in ${Math.round(catchUpMs)} ms`,
    )
    trial.check()
  }
}

/** A validator is killed and loses part of its data directory; it catches up with the others. */
export async function loseFiles(trial: Trial, part: 'chain' | 'journal' | 'signer'): Promise<void> {
  const { random, network, audit, ledger } = trial
  const node = random.pick(network.nodes)
  await trial.kill(node)
  rmSync(nodePaths(node.member.dir)[part], { recursive: true, force: true })
  const signed = audit.signedBy(node.index)
  await trial.start(node)
  const catchUpMs = await trial.caughtUp(node)
  await trial.advance(PROOF_BLOCKS, RESUME_LIMIT_MS, `validator ${node.index} without its ${part}`)
  trial.print(
    `validator ${node.index} without its ${part} at height ${ledger.height}: caught up in ${Math.round(catchUpMs)} ms`,
  )
  if (part === 'signer') {
    await trial.kill(node)
    assert.equal(audit.signedBy(node.index), signed, 'nothing is signed without the record of past votes')
    await trial.start(node)
    await trial.caughtUp(node)
  }
  trial.check()
}
