// What `npm pack` gives, as its user meets it: what is in it, its types, its command, its devnet in another project's test.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { cpSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, posix } from 'node:path'
import { build } from 'esbuild'
import { MODULE_SCHEMAS } from '../../state/schemas.ts'
import { tsc } from '../support/typescript.ts'
import { InstalledPackage, MOCHA, ROOT, run } from './installed.ts'

const STRICT = ['--strict', '--target', 'es2023', '--erasableSyntaxOnly', '--verbatimModuleSyntax']
/** A program for Node, and one for a page. */
const NODE = ['--module', 'nodenext', '--moduleResolution', 'nodenext', '--lib', 'es2023', '--types', 'node']
const PAGE = ['--module', 'esnext', '--moduleResolution', 'bundler', '--lib', 'es2023,dom']

/** The examples use mocha's globals, and viem's types. Of options named twice the last counts. */
const EXAMPLES = ['--types', 'node,mocha', '--lib', 'es2023,dom', '--skipLibCheck']

/** A program that uses every export and its types; each `@ts-expect-error` shows that the types are not `any`. */
const CONSUMER = `
import { redemptionAbi, redemptionAddress } from 'suanli/abi/redemption'
import { httpProvider, LightClient, type LightClientOptions, parseHash32, type ProvenBalance, type Provider, recordsOf, trustGenesis } from 'suanli/client'
import { createDevnet, type Devnet, type DevnetEvent, type DevnetMember, type DevnetOptions, type Genesis, OperatorError } from 'suanli/devnet'
import { MODULE_SCHEMAS, schemas } from 'suanli/schemas'
import { costOf, parseTariff, RedeemError, Redeemer, type RedeemState, redeemKeys } from 'suanli/redeem'
import { redemptionScheme, redemptionSpendControls } from 'suanli/x402'

export const cost: bigint = costOf(parseTariff('{}'), { model: 'tiny' }, { promptTokens: 1, cachedPromptTokens: 0, completionTokens: 0, embeddingTokens: 0, images: 0, audios: 0, deviceMs: 0 })
export const told = (state: RedeemState, redeemer: Redeemer, error: RedeemError): string => state.kind + redeemer.id + error.code
export const paid = [redemptionScheme, redemptionSpendControls, redeemKeys]

type FunctionName = Extract<(typeof redemptionAbi)[number], { type: 'function' }>['name']
export const names: readonly FunctionName[] = ['request', 'settle']
// @ts-expect-error there is no such function
export const wrong: FunctionName = 'steal'
export const address: \`0x\${string}\` = redemptionAddress
export type Told = DevnetEvent | DevnetMember | Genesis

export async function ask(options: DevnetOptions, provider: Provider): Promise<bigint> {
  const devnet: Devnet = await createDevnet(options)
  const genesis = trustGenesis({}, parseHash32(devnet.genesisHash))
  if (!genesis.ok) throw new OperatorError(genesis.failure.reason)
  const how: LightClientOptions = {
    origin: { kind: 'set', trusted: genesis.value },
    providers: [provider, httpProvider(devnet.rpcUrl)],
  }
  const client = new LightClient(how)
  const { balanceBase, block }: ProvenBalance = await client.balance(new Uint8Array(20))
  const { value } = await client.record(recordsOf(schemas.providers).provider, { id: MODULE_SCHEMAS.length })
  const operator: Uint8Array | undefined = value?.operator
  // @ts-expect-error a record has only its own fields
  value?.nonsense
  // @ts-expect-error a provider is asked for by its number
  await client.record(recordsOf(schemas.providers).provider, { id: 'aurora' })
  return balanceBase + block.header.reserve.supplyBase + BigInt(operator?.length ?? 0)
}
`

describe('package', function () {
  this.timeout(90_000)
  // The real path: macOS' temporary folder is a link, and Node names modules by where they are.
  const project = realpathSync(mkdtempSync(join(tmpdir(), 'suanli-package-')))
  let installed: InstalledPackage
  before(async () => {
    installed = await InstalledPackage.make(project)
    writeFileSync(join(project, 'consumer.ts'), CONSUMER)
    cpSync(join(installed.dir, 'examples'), join(project, 'examples'), { recursive: true })
  })
  after(() => rmSync(project, { recursive: true, force: true }))

  it('holds what its user needs and nothing of the workshop', () => {
    const { files, tarballBytes } = installed
    const tops = new Set(files.map((file) => file.split('/')[0]))
    assert.deepEqual(
      [...tops].sort(),
      `CHANGELOG.md LICENSE README.md README.zh-Hant.md SECURITY.md dist docs examples gateway genesis package.json`.split(
        ' ',
      ),
    )
    const unwanted =
      /^(?:dist\/)?(?:test|bench|scripts)\/|^dist\/examples\/|\.test\.|tsbuildinfo$|\.map$|(?:^|\/)\./
    assert.deepEqual(
      files.filter((file) => unwanted.test(file)),
      [],
    )
    const sources = files.filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))
    assert.deepEqual(
      sources.filter((file) => !file.startsWith('examples/')),
      [],
    )
    // The demo model alone has 260,000, gateway and holder's side about 400,000, the page, compressed beforehand, 500,000.
    assert.ok(tarballBytes < 4_800_000, `${tarballBytes} bytes`)
  })

  it('has a file behind every export, and the command', () => {
    const { files, manifest } = installed
    const abis = readdirSync(join(ROOT, 'abi')).map((file) => file.replace(/\.ts$/, ''))
    for (const target of Object.values(manifest.exports)) {
      for (const pattern of typeof target === 'string' ? [target] : Object.values(target)) {
        for (const abi of pattern.includes('*') ? abis : ['']) {
          assert.ok(files.includes(posix.normalize(pattern.replace('*', abi))), pattern)
        }
      }
    }
    assert.ok(files.includes(posix.normalize(manifest.bin.suanli)))
    assert.ok(files.includes('dist/program/cli.js'))
    for (const unit of ['suanli.service', 'suanli-signer.service'])
      assert.ok(files.includes(`docs/operations/systemd/${unit}`))
    assert.ok(files.includes('docs/operations/container/compose.yml'))
    assert.match(installed.read('dist/program/LICENCES.txt'), /^libp2p 3\.\S+, Apache-2.0 OR MIT$/m)
  })

  it('has every file that one of its files names, and every package among its dependencies', () => {
    const has = new Set(installed.files)
    const dependencies = Object.keys(installed.manifest.dependencies)
    const all = installed.files
      // The page is joined and packed: its scripts name each other by hashed names, which test/web asks a node for.
      .filter((file) => /\.(?:js|d\.ts)$/.test(file) && !file.startsWith('dist/site/'))
      .flatMap((file) => named(file, installed.read(file)).map((target) => ({ file, target })))
    const joined = all.filter(({ file }) => file.startsWith('dist/program/')).length
    assert.ok(all.length > 2_000 && joined > 50, `${all.length} names found, ${joined} in the joined program`)
    const missing = all.filter(({ target }) => {
      if (target.includes('$')) return false
      if (has.has(target) || target.startsWith('node:') || builtinModules.includes(target)) return false
      return !dependencies.some((name) => target === name || target.startsWith(`${name}/`))
    })
    assert.deepEqual(missing, [])
  })

  it('has types that strict programs compile with, libraries checked too', async () => {
    const results = await Promise.all(
      [NODE, PAGE].map((how) => tsc(['--noEmit', ...STRICT, ...how, 'consumer.ts'], project)),
    )
    for (const result of results) assert.deepEqual(result, { code: 0, stdout: '', stderr: '' })
  })

  it('has examples that compile where they are copied to', async () => {
    const examples = readdirSync(join(project, 'examples')).filter((file) => file.endsWith('.ts'))
    assert.equal(examples.length, 7)
    const files = examples.map((file) => join('examples', file))
    const args = [...STRICT, ...NODE, ...EXAMPLES, ...files]
    assert.deepEqual(await tsc(args, project), { code: 0, stdout: '', stderr: '' })
  })

  it('goes into a page: a bundler finds nothing of Node in the light client', async () => {
    const stdin = {
      contents:
        "export { LightClient } from 'suanli/client'\nexport * from 'suanli/redeem'\nexport * from 'suanli/x402'\nexport * from 'suanli/schemas'\nexport * from 'suanli/abi/redemption'",
      resolveDir: project,
    }
    const result = await build({
      stdin,
      bundle: true,
      format: 'esm',
      platform: 'browser',
      metafile: true,
      write: false,
      logLevel: 'silent',
    })
    assert.deepEqual(result.warnings, [])
    const { text } = result.outputFiles[0]!
    assert.ok(text.includes('LightClient'))
    const own = Object.keys(result.metafile.inputs).flatMap(
      (path) => path.split('node_modules/suanli/')[1] ?? [],
    )
    assert.ok(own.includes('dist/page/client/client.js') && own.includes('dist/base/record.js'))
    const twice = own.filter(
      (path) => own.includes(path.replace('dist/page/', 'dist/')) && path.startsWith('dist/page/'),
    )
    assert.deepEqual(twice, [])
    const sentences = MODULE_SCHEMAS.flatMap(({ queries }) => Object.values(queries).map(({ doc }) => doc))
    assert.deepEqual(
      sentences.filter((sentence) => text.includes(sentence)),
      [],
    )
  })

  it('runs its command', async () => {
    const version = await run(installed.command, ['version'], project)
    assert.deepEqual({ code: version.code, stderr: version.stderr }, { code: 0, stderr: '' })
    assert.match(version.stdout, new RegExp(`^suanli/${installed.manifest.version}/`))
    // As the image and the units of systemd start it.
    const main = join(installed.dir, 'dist/cli/main.js')
    const none = await run(process.execPath, [main, 'start', '-d', 'nowhere'], project)
    assert.deepEqual({ code: none.code, stdout: none.stdout }, { code: 1, stdout: '' })
    assert.match(none.stderr, /^suanli: give the password of the key files [^\n]+\n$/)
    // Of the command's devnets, the one below starts the nodes; this loads all that starts them.
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as AddressInfo
    const refused = await run(installed.command, ['devnet', '--port', String(port)], project)
    taken.close()
    assert.deepEqual({ code: refused.code, stdout: refused.stdout }, { code: 1, stdout: '' })
    assert.match(refused.stderr, new RegExp(`port ${port} is taken`))
  })

  it("runs a devnet in another project's mocha test", async () => {
    const { code, stdout, stderr } = await run(process.execPath, [MOCHA, 'examples/devnetTest.js'], project)
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' }, stdout)
    assert.match(stdout, /2 passing/)
  })
})

/** What a compiled file imports or names relative to itself: paths from the package's root, or names of packages. */
function named(file: string, text: string): readonly string[] {
  const isJoined = file.startsWith('dist/program/')
  const folder = posix.dirname(file)
  const imports = isJoined
    ? /^(?:import|\} from|export) ?[^'"\n]*"([^"\n]+)";$|\bimport\("([^"\n]+)"\)/gm
    : /(?:\bfrom|^import|\bimport\()\s*['"]([^'"\s]+)['"]|\bnew URL\(['"`]([^'"`\n]+)['"`], import\.meta\.url/gm
  return [...text.matchAll(imports)].map((match) => {
    const target = match[1] ?? match[2]!
    if (!target.startsWith('.')) return target
    const path = posix.join(folder, target)
    return file.endsWith('.d.ts') ? path.replace(/\.ts$/, '.d.ts') : path
  })
}
