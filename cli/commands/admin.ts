// `suanli admin`: looks into a running node of this machine, through the socket in its data directory. Owns: options and
// output. Not: what the node answers (node/adminServer.ts).
import { request } from 'node:http'
import { Argument, type Command } from 'commander'
import { OperatorError } from '../../base/errors.ts'
import type { Json } from '../../base/field.ts'
import { LOG_LEVELS } from '../../node/config.ts'
import { adminSocket } from '../../node/nodePaths.ts'
import { printAnswer } from '../chain/send.ts'
import { dataDirOption } from '../common.ts'
import { UnreachableError } from '../unreachableError.ts'

const ANSWER_MS = 10_000
/** Nothing listens; who may not connect gets the system's own words. */
const NOBODY: ReadonlySet<string | undefined> = new Set(['ENOENT', 'ECONNREFUSED', 'ENOTSOCK'])

interface AdminOptions {
  readonly dataDir: string
  readonly json?: true
}

/** Throws UnreachableError when no node runs there, OperatorError with what the node refuses. */
function ask({ dataDir }: AdminOptions, path: string, method: 'GET' | 'PUT' = 'GET'): Promise<Json> {
  const socketPath = adminSocket(dataDir)
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, path, method, timeout: ANSWER_MS }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        text += chunk
      })
      response.once('end', () => {
        const body = JSON.parse(text) as Json
        if (response.statusCode === 200) resolve(body)
        else reject(new OperatorError((body as { readonly error: string }).error))
      })
    })
    sent.once('timeout', () => sent.destroy(new UnreachableError(`the node of ${dataDir} does not answer`)))
    sent.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        NOBODY.has(error.code)
          ? new UnreachableError(`no node runs on ${dataDir}`)
          : Object.assign(error, { path: socketPath }),
      ),
    )
    sent.end()
  })
}

export function addAdmin(program: Command): void {
  const admin = program
    .command('admin')
    .description('look into a running node of this machine, and change its log level')
  const add = (name: string, text: string): Command =>
    admin.command(name).description(text).addOption(dataDirOption()).option('--json', 'print JSON')
  add('peers', 'show its peers: who they are, and which are connected').action(
    async (options: AdminOptions) => printAnswer(options, await ask(options, '/peers')),
  )
  add('pool', 'show how many transactions wait, and of whom').action(async (options: AdminOptions) =>
    printAnswer(options, await ask(options, '/pool')),
  )
  add('log-level', 'show the level of its log, or change it until the next start')
    .addArgument(new Argument('[level]', 'from now on').choices([...LOG_LEVELS]))
    .action(async (level: string | undefined, options: AdminOptions) => {
      const asked =
        level === undefined ? ask(options, '/log-level') : ask(options, `/log-level?level=${level}`, 'PUT')
      printAnswer(options, await asked)
    })
}
