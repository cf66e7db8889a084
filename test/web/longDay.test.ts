// A page that stays open: a day of blocks through its live connection in seconds. What it keeps is bounded, and a block costs a
// part of a frame.
import assert from 'node:assert/strict'
import type { Browser, Page } from 'playwright-core'
import { openPage, startChromium } from '../support/chromium.ts'
import { type Loose, type Served, serve } from '../support/rpcHarness.ts'

/** One every six seconds. */
const DAY_BLOCKS = 14_400
const WARM_BLOCKS = 400
const BATCH = 200
const GROWTH_BYTES_MAX = 20e6
const FRAME_MS = 1_000 / 60

/** The node's side of the page's WebSocket, as the test wants it. */
interface Stream {
  send(count: number): void
  readonly height: number
}

async function streamOf(page: Page, header: Loose): Promise<Stream> {
  let send: (text: string) => void = () => assert.fail('the page has not subscribed')
  const first = Number(header.height)
  let sequence = 0
  await page.routeWebSocket(/.*/, (socket) => {
    socket.onMessage((text) => {
      const { id, method } = JSON.parse(String(text)) as { id: number; method: string }
      const resume = { fromBlock: first + 1, fromIndex: 0, sequence: 1 }
      const result = method === 'subscribe' ? { subscription: '0x1', resume } : true
      socket.send(JSON.stringify({ jsonrpc: '2.0', id, result }))
      if (method === 'subscribe') send = (message) => socket.send(message)
    })
  })
  return {
    get height() {
      return first + sequence
    },
    send(count) {
      for (let i = 0; i < count; i++) {
        sequence++
        const height = first + sequence
        const timestampMs = Date.now() - 1_000
        const item = {
          header: { ...header, height, view: height, timestampMs },
          sizeBytes: 400,
          transactionCount: 3,
        }
        const hash = `0x${height.toString(16).padStart(64, '0')}`
        const resume = { fromBlock: height + 1, fromIndex: 0, sequence: sequence + 1 }
        const result = { sequence, height, hash, timestampMs, items: [item], resume }
        send(
          JSON.stringify({ jsonrpc: '2.0', method: 'subscription', params: { subscription: '0x1', result } }),
        )
      }
    },
  }
}

describe('web.longDay', function () {
  this.timeout(120_000)
  let browser: Browser
  let served: Served
  before(async () => {
    browser = await startChromium()
    served = await serve()
    served.backend.mine()
  })
  after(async () => {
    await browser?.close()
    await served?.rpc.close()
  })

  it('holds no more after a day of blocks than before, and each is a part of a frame', async () => {
    const { page, wrong, close } = await openPage(browser)
    const { fields } = (await served.call('chain_header', ['latest'])) as Loose
    const stream = await streamOf(page, fields)
    await page.goto(`${served.rpc.url}/operator`)
    await page.getByRole('heading', { level: 1, name: 'Operator' }).waitFor()
    await page.locator('a.live.live').waitFor()
    const shows = (): Promise<void> => {
      const text = `block ${stream.height.toLocaleString('en')}`
      return page.evaluate<void>(`new Promise((resolve) => {
        const look = () =>
          document.querySelector('a.live').textContent.includes('${text}') ? resolve() : requestAnimationFrame(look)
        look()
      })`)
    }
    const cdp = await page.context().newCDPSession(page)
    const heap = async (): Promise<number> => {
      await cdp.send('HeapProfiler.collectGarbage')
      return (await cdp.send('Runtime.getHeapUsage')).usedSize
    }
    const elements = (): Promise<number> => page.evaluate<number>("document.querySelectorAll('*').length")
    stream.send(WARM_BLOCKS)
    await shows()
    const before = { heap: await heap(), elements: await elements() }
    await cdp.send('Performance.enable')
    const taskSeconds = async (): Promise<number> =>
      (await cdp.send('Performance.getMetrics')).metrics.find(({ name }) => name === 'TaskDuration')!.value
    const beganSeconds = await taskSeconds()
    for (let sent = 0; sent < DAY_BLOCKS; sent += BATCH) {
      stream.send(BATCH)
      await shows()
    }
    const perBlockMs = ((await taskSeconds()) - beganSeconds) * (1_000 / DAY_BLOCKS)
    const after = { heap: await heap(), elements: await elements() }
    const grown = after.heap - before.heap
    assert.ok(grown < GROWTH_BYTES_MAX, `the page grew by ${grown} bytes`)
    assert.ok(
      after.elements < before.elements * 1.2 + 50,
      `${before.elements} elements became ${after.elements}`,
    )
    assert.ok(perBlockMs < FRAME_MS / 2, `a block costs ${perBlockMs} ms of the page's thread`)
    assert.deepEqual(wrong, [])
    await close()
  })
})
