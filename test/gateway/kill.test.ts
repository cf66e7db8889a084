// kill -9 at any moment: no accepted voucher is lost, and no more is served than the exposure allows, over all lives together.
import { strict as assert } from 'node:assert'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { secretKeyAddress } from '../../base/address.ts'
import { toHex } from '../../base/bytes.ts'
import { signVoucher } from '../../client/redemption/voucher.ts'
import { Random } from '../support/random.ts'
import { GENESIS, HOLDER_SECRET, KILL_CONFIG, PROVIDER_SECRET } from './door.ts'
import { FakeUpstream } from './fakeUpstream.ts'

const CHILD = fileURLToPath(new URL('killChild.js', import.meta.url))
const EXPOSURE_BASE = (KILL_CONFIG.amountBase * BigInt(KILL_CONFIG.exposurePpm)) / 1_000_000n
const TOKEN_BASE = 2_000n
const ID = { redemptionId: 1, assignment: 0 }
const BODY = JSON.stringify({
  model: 'tiny',
  messages: [{ role: 'user', content: 'a b c' }],
  stream: true,
  max_tokens: 30,
})

interface Life {
  readonly child: ChildProcess
  readonly ended: Promise<unknown>
  readonly url: string
  readonly headers: Record<string, string>
  readonly meteredBase: bigint
  readonly voucheredBase: bigint
}

async function live(folder: string, upstream: FakeUpstream): Promise<Life> {
  const child = spawn(process.execPath, [CHILD, folder, upstream.url], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  const [line] = (await once(createInterface({ input: child.stdout! }), 'line')) as [string]
  const { url, key, meteredBase, voucheredBase } = JSON.parse(line) as Record<string, string>
  return {
    child,
    ended,
    url: url!,
    headers: { authorization: `Bearer ${key}` },
    meteredBase: BigInt(meteredBase!),
    voucheredBase: BigInt(voucheredBase!),
  }
}

async function kill({ child, ended }: Life): Promise<void> {
  child.kill('SIGKILL')
  await ended
}

/** Streams until it ends or breaks; `onToken` with each token that came. Resolves with the status. */
async function stream(life: Life, onToken: () => void): Promise<number> {
  try {
    const response = await fetch(`${life.url}/v1/chat/completions`, {
      method: 'POST',
      body: BODY,
      headers: life.headers,
    })
    const decoder = new TextDecoder()
    for await (const piece of response.body as unknown as AsyncIterable<Uint8Array>) {
      for (const _ of decoder.decode(piece, { stream: true }).matchAll(/"content":"word "/g)) onToken()
    }
    return response.status
  } catch {
    return 0
  }
}

/** What the gateway says is metered; undefined when it is gone. */
async function metered(life: Life): Promise<bigint | undefined> {
  try {
    const response = await fetch(`${life.url}/suanli/v1/session`, { headers: life.headers })
    return BigInt(((await response.json()) as { meteredBase: string }).meteredBase)
  } catch {
    return undefined
  }
}

/** Whether a voucher was answered with 200. */
async function vouch(life: Life, deliveredBase: bigint): Promise<boolean> {
  const provider = secretKeyAddress(PROVIDER_SECRET)
  const { signature } = signVoucher(
    { ...ID, provider, deliveredBase, genesis: GENESIS },
    31_337,
    HOLDER_SECRET,
  )
  try {
    const body = JSON.stringify({ deliveredBase: `${deliveredBase}`, signature: toHex(signature) })
    const response = await fetch(`${life.url}/suanli/v1/vouchers`, {
      method: 'POST',
      body,
      headers: life.headers,
    })
    return response.status === 200
  } catch {
    return false
  }
}

describe('gateway: kill -9', function () {
  this.timeout(120_000)
  let folder: string
  let upstream: FakeUpstream

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'suanli-gateway-kill-'))
    upstream = await FakeUpstream.start()
  })
  afterEach(async () => {
    await upstream.close()
    rmSync(folder, { recursive: true, force: true })
  })

  it('never serves beyond the exposure to a client that does not sign, over all lives', async () => {
    const random = new Random(11)
    let tokens = 0
    let refused = 0
    for (let round = 0; round < 4; round++) {
      const life = await live(folder, upstream)
      const killAt = tokens + 1 + random.between(0, 59)
      let isOver = false
      const onToken = (): void => {
        tokens++
        if (tokens === killAt) life.child.kill('SIGKILL')
      }
      while (!isOver) {
        const statuses = await Promise.all([stream(life, onToken), stream(life, onToken)])
        if (statuses.includes(402)) refused++
        isOver = statuses.some((status) => status !== 200)
      }
      await kill(life)
      assert.ok(BigInt(tokens) * TOKEN_BASE <= EXPOSURE_BASE, `${tokens} tokens in round ${round}`)
    }
    assert.ok(tokens > 0 && refused > 0, `${tokens} tokens, ${refused} refusals`)
  })

  it('loses no accepted voucher, and serves a client that signs after every death', async () => {
    const random = new Random(12)
    let accepted = 0n
    let answered = 0
    for (let round = 0; round < 5; round++) {
      const life = await live(folder, upstream)
      assert.ok(life.voucheredBase >= accepted, `${life.voucheredBase} of ${accepted} in round ${round}`)
      assert.ok(life.meteredBase >= life.voucheredBase)
      // What may have been served without a line is forgiven by the voucher for what has one.
      if (await vouch(life, life.meteredBase)) accepted = life.meteredBase
      let steps = random.between(5, 120)
      const onToken = (): void => {
        if (--steps === 0) life.child.kill('SIGKILL')
      }
      for (let call = 0; call < 20 && steps > 0; call++) {
        const status = await stream(life, onToken)
        if (status === 200) answered++
        const meteredBase = await metered(life)
        if (meteredBase === undefined) break
        const isAccepted = vouch(life, meteredBase)
        if (random.chance(0.3)) life.child.kill('SIGKILL')
        if (await isAccepted) accepted = meteredBase
      }
      await kill(life)
    }
    const last = await live(folder, upstream)
    assert.ok(last.voucheredBase >= accepted)
    await vouch(last, last.meteredBase)
    assert.equal(await stream(last, () => undefined), 200)
    await kill(last)
    assert.ok(accepted > 0n && answered > 0)
  })
})
