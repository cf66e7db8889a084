// The page that a node serves, as the build wrote it. Owns: which address is which file, and the headers of each. The files are
// a list: no address is ever made into a path. Not: making them (scripts/bundleSite.ts), other pages (pages.ts).
import { readFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { fileURLToPath } from 'node:url'

interface SiteFile {
  readonly path: string
  readonly type: string
  readonly etag: string
}

interface SiteList {
  /** First names of addresses that get the page itself. */
  readonly routes: readonly string[]
  readonly index: SiteFile
  readonly files: readonly SiteFile[]
}

const FOLDER = new URL('../site/', import.meta.url)
/** A year; the names change with their contents. */
const FOR_EVER = 'public, max-age=31536000, immutable'

/** Only what this node serves runs, asks only this node, and no text ever becomes script (docs/decisions/page.md). */
const POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "worker-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  'trusted-types lit-html suanli',
].join('; ')

const HEADERS: Readonly<Record<string, string>> = {
  'Content-Security-Policy': POLICY,
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
}

const ENCODINGS = [
  { name: 'br', ending: '.br' },
  { name: 'gzip', ending: '.gz' },
] as const

/** Whether a header that lists values with weights names this one, and does not refuse it. */
function names(header: string | undefined, value: string): boolean {
  return (header ?? '').split(',').some((entry) => {
    const [name = '', ...parameters] = entry.trim().toLowerCase().split(';')
    return name.trim() === value && !parameters.some((one) => /^\s*q=0(?:\.0*)?\s*$/.test(one))
  })
}

export class Site {
  readonly #folder: URL
  #opening: Promise<ReadonlyMap<string, SiteFile> | undefined> | undefined
  /** By name; at most three forms of each file of the list. */
  readonly #bytes = new Map<string, Promise<Buffer>>()
  #routes: ReadonlySet<string> = new Set()
  #index: SiteFile | undefined

  constructor(folder: URL = FOLDER) {
    this.#folder = folder
  }

  /** Answers when the address is one of the page's. False: nothing was written. */
  async serve(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const file = await this.#find(request)
    if (file === undefined) return false
    const isIndex = file === this.#index
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value)
    response.setHeader('ETag', file.etag)
    response.setHeader('Cache-Control', isIndex ? 'no-cache' : FOR_EVER)
    response.appendHeader('Vary', isIndex ? 'Accept, Accept-Encoding' : 'Accept-Encoding')
    if (names(request.headers['if-none-match']?.replaceAll('W/', ''), file.etag.toLowerCase())) {
      response.writeHead(304).end()
      return true
    }
    const accepted = request.headers['accept-encoding'] as string | undefined
    const encoding = ENCODINGS.find(({ name }) => names(accepted, name))
    const bytes = await this.#read(`.${file.path}${encoding?.ending ?? ''}`)
    if (encoding !== undefined) response.setHeader('Content-Encoding', encoding.name)
    response.writeHead(200, { 'Content-Type': file.type, 'Content-Length': bytes.length })
    response.end(bytes)
    return true
  }

  async #find({ url = '', headers }: IncomingMessage): Promise<SiteFile | undefined> {
    this.#opening ??= this.#open()
    const files = await this.#opening
    const path = url.split('?')[0]!
    const file = files?.get(path)
    if (files === undefined || file !== undefined) return file
    const first = path.split('/')[1]
    if (first === undefined || !this.#routes.has(first) || (first === '' && path !== '/')) return undefined
    // Programs that ask for the first page get name and version, as JSON.
    return path !== '/' || names(headers.accept, 'text/html') ? this.#index : undefined
  }

  /** Undefined when the build has no page. */
  async #open(): Promise<ReadonlyMap<string, SiteFile> | undefined> {
    let list: SiteList
    try {
      list = JSON.parse(await readFile(new URL('site.json', this.#folder), 'utf8')) as SiteList
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
    this.#routes = new Set(list.routes)
    this.#index = list.index
    return new Map(list.files.map((file) => [file.path, file]))
  }

  #read(name: string): Promise<Buffer> {
    let bytes = this.#bytes.get(name)
    if (bytes === undefined) {
      bytes = readFile(fileURLToPath(new URL(name, this.#folder)))
      this.#bytes.set(name, bytes)
    }
    return bytes
  }
}
