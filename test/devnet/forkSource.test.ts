// Where a fork's state comes from, when whoever gives it means no good: a sentence each, soon, and in little memory.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { failureText } from '../../cli/failureText.ts'
import { readFork } from '../../devnet/fork.ts'
import { forkLinesOf } from '../../devnet/forkSource.ts'

const HEAD = 'suanli state 1\nhead {"height":1}\n'
const dumped = (text: string): string => `0x${gzipSync(text).toString('hex')}`
const answered = (result: unknown) => (response: ServerResponse) =>
  void response.end(JSON.stringify({ jsonrpc: '2.0', id: 1, result }))

/** What each address answers with, and what is said about it. */
const SOURCES: readonly (readonly [name: string, answer: (response: ServerResponse) => void, RegExp])[] = [
  ['number', answered(5), /expected what dev_dumpState gives$/],
  ['garbage', answered('0x1f8b0800'), /expected what dev_dumpState gives$/],
  [
    'bomb',
    answered(`0x${gzipSync(new Uint8Array(300_000_000)).toString('hex')}`),
    /expected what dev_dumpState gives$/,
  ],
  ['short', answered(dumped(HEAD)), /the state file ends after line 2$/],
  ['foreign', answered(dumped('suanli state 9\n')), /it does not begin with "suanli state 1"$/],
  [
    'nested',
    answered(dumped(`${HEAD}genesis ${'['.repeat(50_000_000)}\n`)),
    /a line that should be JSON is not$/,
  ],
  ['prototype', answered(dumped(`${HEAD}genesis {"__proto__":{"x":1}}\n`)), /its genesis is malformed$/],
  ['deep', (response) => void response.end(`{"result":${'['.repeat(8_000_000)}`), /nested deeper than 64$/],
  ['page', (response) => void response.writeHead(500).end('<html>'), /HTTP status 500$/],
  [
    'cut',
    (response) => void response.writeHead(200, { 'Content-Length': 9 }).end('{}', () => response.destroy()),
    /terminated|closed/,
  ],
  [
    'loop',
    (response) => void response.writeHead(307, { Location: '/loop' }).end(),
    /redirect count exceeded/,
  ],
  [
    'terminal',
    (response) =>
      void response.end(JSON.stringify({ error: { code: 1, message: '\u001b[2J\u202e\nforged' } })),
    /dev_dumpState: \\u\{1b\}\[2J\\u\{202e\} forged$/,
  ],
  [
    'endless',
    (response) => {
      const more = (): boolean => response.destroyed || !response.write('x'.repeat(65_536)) || more()
      response.on('drain', more)
      more()
    },
    /the answer exceeds 16777216 bytes$/,
  ],
]

describe('devnet.forkSource', function () {
  this.timeout(30_000)
  let server: Server
  let url: string
  before(async () => {
    server = createServer((request, response) => {
      const source = SOURCES.find(([name]) => request.url === `/${name}`)
      source![1](response)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  after(() => {
    server.closeAllConnections()
    server.close()
  })

  for (const [name, , said] of SOURCES) {
    it(`says in a line what is wrong with: ${name}`, async () => {
      const source = `${url}/${name}`
      const error = await forkLinesOf(source)
        .then((lines) => readFork(lines, { name: source }))
        .then(
          () => assert.fail('it was taken'),
          (reason: unknown) => reason,
        )
      const text = failureText(error)
      assert.match(text, said)
      assert.equal(text.split(url).length <= 3 && !text.includes('\n'), true, text)
    })
  }
})
