// A backend for the benchmark, in a process of its own: streams tokens at a pace, or answers at once. Prints its port.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

const CHUNK = `data: ${JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'tiny', choices: [{ index: 0, delta: { content: ' word' }, finish_reason: null }] })}\n\n`
const usageOf = (completion_tokens: number): object => ({
  prompt_tokens: 10,
  completion_tokens,
  total_tokens: 10 + completion_tokens,
})

const server = createServer((request, response) => {
  const parts: Uint8Array[] = []
  request.on('data', (part: Uint8Array) => parts.push(part))
  request.on('end', () => {
    const {
      stream,
      max_tokens: tokens = 1,
      pace_ms: paceMs = 0,
    } = JSON.parse(Buffer.concat(parts).toString('utf8')) as {
      stream?: boolean
      max_tokens?: number
      pace_ms?: number
    }
    if (stream !== true) {
      const choices = [{ index: 0, message: { role: 'assistant', content: 'word' }, finish_reason: 'stop' }]
      response.writeHead(200, { 'Content-Type': 'application/json' })
      response.end(
        JSON.stringify({ object: 'chat.completion', model: 'tiny', choices, usage: usageOf(tokens) }),
      )
      return
    }
    response.writeHead(200, { 'Content-Type': 'text/event-stream' })
    let sent = 0
    const step = (): void => {
      if (response.destroyed) return
      if (sent++ < tokens) {
        response.write(CHUNK)
        if (paceMs === 0) setImmediate(step)
        else setTimeout(step, paceMs)
        return
      }
      response.write(`data: ${JSON.stringify({ choices: [], usage: usageOf(tokens) })}\n\n`)
      response.end('data: [DONE]\n\n')
    }
    step()
  })
})
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port))
