// One devnet in this process, one browser, and a node between them that may lie or go away. Shared by the files of this folder.
// Owns: starting and stopping, what the browser complains of. Not: what a test expects.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import type { Json } from '../../base/field.ts'
import { mnemonicAccount } from '../../client/accounts/mnemonic.ts'
import { transfer } from '../../client/calls.ts'
import { createClient } from '../../client/chainClient.ts'
import { redemption } from '../../client/modules.ts'
import { httpTransport } from '../../client/transports/http.ts'
import { createDevnet, type Devnet } from '../../devnet/devnet.ts'
import { DEVELOPMENT_MNEMONIC } from '../../genesis/devKeys.ts'
import { startChromium } from '../support/chromium.ts'

/** What a lying node makes of an answer; the same object to leave it. */
export type Lie = (method: string, result: Json) => Json

/** Passes everything on to the node, and may change the answers or cut the connections. */
export class BetweenNode {
  lie: Lie | undefined
  isAway = false
  readonly #node: URL
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  constructor(nodeUrl: string) {
    this.#node = new URL(nodeUrl)
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch(() => response.destroy())
    })
    this.#server.on('connection', (socket) => {
      if (this.isAway) socket.destroy()
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    })
    this.#server.on('upgrade', (request, socket: Socket, head) => this.#upgrade(request, socket, head))
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Connections end, and new ones too until it is back. */
  leave(): void {
    this.isAway = true
    for (const socket of this.#sockets) socket.destroy()
  }

  async close(): Promise<void> {
    this.leave()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part as Buffer)
    const { method = 'GET', url = '/' } = request
    const asked = Buffer.concat(parts).toString('utf8')
    const answer = await fetch(new URL(url, this.#node), {
      method,
      headers: { accept: request.headers.accept ?? '*/*', 'content-type': 'application/json' },
      ...(method === 'POST' ? { body: asked } : {}),
    })
    const body = Buffer.from(await answer.arrayBuffer())
    for (const [name, value] of answer.headers) {
      if (!/^(?:content-(?:encoding|length)|connection|keep-alive|transfer-encoding)$/.test(name)) {
        response.setHeader(name, value)
      }
    }
    response.writeHead(answer.status)
    response.end(method === 'POST' && this.lie !== undefined ? this.#changed(asked, body, this.lie) : body)
  }

  #changed(asked: string, body: Buffer, lie: Lie): string {
    type Call = { readonly id: number; readonly method: string }
    type Answer = { readonly id: number; readonly result?: Json }
    const calls = [JSON.parse(asked) as Call | Call[]].flat()
    const answers = JSON.parse(body.toString('utf8')) as Answer | Answer[]
    const change = (answer: Answer): Answer => {
      const call = calls.find(({ id }) => id === answer.id)
      if (call === undefined || answer.result === undefined) return answer
      return { ...answer, result: lie(call.method, answer.result) }
    }
    return JSON.stringify(Array.isArray(answers) ? answers.map(change) : change(answers))
  }

  #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    const upstream = connect(Number(this.#node.port), this.#node.hostname, () => {
      const lines = [`GET / HTTP/1.1`]
      for (let i = 0; i < request.rawHeaders.length; i += 2) {
        lines.push(`${request.rawHeaders[i]}: ${request.rawHeaders[i + 1]}`)
      }
      upstream.write(`${lines.join('\r\n')}\r\n\r\n`)
      upstream.write(head)
      upstream.pipe(socket)
      socket.pipe(upstream)
    })
    const end = (): void => {
      upstream.destroy()
      socket.destroy()
    }
    for (const one of [upstream, socket]) one.on('error', end).on('close', end)
  }
}

export interface Stage {
  readonly devnet: Devnet
  readonly browser: Browser
  /** A transfer and a redemption that are final. */
  readonly transfer: string
  readonly holder: string
}

async function open(): Promise<Stage> {
  const browser = await startChromium()
  const devnet = await createDevnet({
    isInProcess: true,
    validators: 1,
    blockTimeMs: 500,
    logLevel: 'silent',
  })
  const account = mnemonicAccount(DEVELOPMENT_MNEMONIC)
  const client = createClient(httpTransport(devnet.rpcUrl))
  const sent = await client.send(account, transfer(devnet.accounts[1]!.address, 10n ** 18n))
  const request = redemption.request({
    service: 'infer',
    amountBase: 5n * 10n ** 18n,
    provider: 0,
    ratingMin: 0n,
    region: '',
    startBy: 0,
    finishBy: 0,
    jobHash: new Uint8Array(32),
    clientKey: new Uint8Array([2, ...new Uint8Array(32).fill(17)]),
    voucherKey: new Uint8Array(20),
  })
  await client.send(account, request)
  return { devnet, browser, transfer: sent.transaction, holder: devnet.accounts[0]!.address }
}

let opened: Promise<Stage> | undefined

export function stage(): Promise<Stage> {
  opened ??= open()
  return opened
}

// The last hook of the process: no test comes after it.
after(async function () {
  this.timeout(30_000)
  if (opened === undefined) return
  const { browser, devnet } = await opened
  await browser.close()
  await devnet.close()
})

export interface Visit {
  readonly page: Page
  readonly context: BrowserContext
  /** Errors of the console, of scripts, and violations of the page's policy. */
  readonly complaints: string[]
  close(): Promise<void>
}

export interface VisitOptions {
  readonly language?: 'en' | 'zh-Hant'
  readonly scheme?: 'light' | 'dark'
  readonly width?: number
}

export async function visit(options: VisitOptions = {}): Promise<Visit> {
  const { browser } = await stage()
  const { language = 'en', scheme = 'light', width = 1_280 } = options
  const context = await browser.newContext({
    viewport: { width, height: 900 },
    colorScheme: scheme,
    locale: language === 'en' ? 'en-GB' : 'zh-TW',
  })
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  return { page, context, complaints, close: () => context.close() }
}

/** Opens an address and waits until nothing is loading there any more. */
export async function show(page: Page, url: string): Promise<void> {
  await page.goto(url)
  await page.locator('su-app main > *').first().waitFor()
  await page.locator('main h1').first().waitFor()
  await page.locator('.skeleton').first().waitFor({ state: 'detached' })
}
