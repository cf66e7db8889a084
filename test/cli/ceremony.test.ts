// The commands of a genesis ceremony, in this process: what they write and print, and what they refuse in one line.
import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { checksumAddress } from '../../base/address.ts'
import { toHex, utf8 } from '../../base/bytes.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import { signHash } from '../../base/crypto/secp256k1.ts'
import { personalMessageHash } from '../../base/protocol/recovery.ts'
import { EXIT } from '../../cli/exitCode.ts'
import { operatorOf } from '../../cli/genesis/addMember.ts'
import { partFileText, readPeers } from '../../cli/genesis/files.ts'
import { developmentValidator } from '../../genesis/devKeys.ts'
import { genesisText } from '../../node/nodeDir.ts'
import { createKeys } from '../../node/nodeKeys.ts'
import { operatorAddress as storedOperator } from '../../signer/operatorKey.ts'
import { CEREMONY_NAMES, draftOf, operatorAddress, partsOf } from '../support/ceremony.ts'
import { runSuanli, temporaryDir } from '../support/devnetHarness.ts'

const PASSWORD = 'correct horse'
const environment = { SUANLI_PASSWORD: PASSWORD }
const ISSUER = checksumAddress(developmentValidator(99).operator.address)

describe('cli.genesis', () => {
  const dir = temporaryDir()
  const file = (name: string): string => join(dir.path, name)
  const run = (...args: string[]) => runSuanli(['genesis', ...args], { environment })
  const json = async (...args: string[]): Promise<Record<string, unknown>> => {
    const { code, stdout, stderr } = await run(...args)
    assert.equal(code, 0, stderr)
    return JSON.parse(stdout) as Record<string, unknown>
  }
  async function refuses(
    args: readonly string[],
    pattern: RegExp,
    expected: number = EXIT.failed,
  ): Promise<void> {
    const { code, stderr } = await run(...args)
    assert.match(stderr, pattern)
    assert.equal(code, expected)
    assert.equal(stderr.trimEnd().split('\n').length, 1, stderr)
  }
  const draft = draftOf({ timestampMs: Date.UTC(2026, 0, 1) })
  const parts = partsOf(draft)
  const partFiles = parts.map(({ name }) => file(name))

  before(() => {
    writeFileSync(file('draft.json'), genesisText(draft))
    for (const { name, part } of parts) writeFileSync(file(name), partFileText(part))
  })
  after(() => dir.remove())

  describe('new', () => {
    const options = (over: Readonly<Record<string, string>> = {}): string[] =>
      Object.entries({
        '--name': 'Mine',
        '--chain-id': '271828',
        '--asset-issuer': ISSUER,
        '--coin-price': '3.0282',
        '--out': file('new.json'),
        ...over,
      }).flat()

    it('writes a draft of a preset, never over a file, and prints its hash to read aloud', async () => {
      const time = '2026-06-01T09:00'
      const printed = await json('new', ...options({ '--preset': 'main', '--time': time }))
      assert.equal(printed.time, '2026-06-01T09:00:00.000Z')
      assert.equal((printed.aloud as string).replaceAll(' ', ''), (printed.draft as string).slice(2))
      await refuses(['new', ...options()], /new.json: exists already/)
      const shown = await json('show', file('new.json'), '--json')
      assert.deepEqual([shown.hash, shown.parameters, shown.broken], [printed.draft, 'main', null])
    })

    it('refuses ids of others, times and prices that are none', async () => {
      const out = { '--out': file('never.json') }
      await refuses(['new', ...options({ ...out, '--chain-id': '1' })], /chainId: 1 is a public network's/)
      await refuses(['new', ...options({ ...out, '--chain-id': '83838' })], /that of every devnet/)
      await refuses(
        ['new', ...options({ ...out, '--time': 'soon' })],
        /--time: expected a UTC time/,
        EXIT.usage,
      )
      await refuses(['new', ...options({ ...out, '--time': '2099-01-01' })], /days ahead of the clock/)
      await refuses(
        ['new', ...options({ ...out, '--coin-price': '1.0000001' })],
        /at most 6 decimals/,
        EXIT.usage,
      )
      await refuses(
        ['new', ...options({ ...out, '--asset-issuer': '0x12' })],
        /--asset-issuer: expected/,
        EXIT.usage,
      )
      const mistyped = `${ISSUER.slice(0, -1)}${ISSUER.endsWith('f') ? 'e' : 'f'}`
      await refuses(
        ['new', ...options({ ...out, '--asset-issuer': mistyped })],
        /in one case or with its checksum, not 0x/,
        EXIT.usage,
      )
      assert.equal(existsSync(file('never.json')), false)
    })
  })

  describe('add-member', () => {
    const hash = toHex(sha256(utf8('terms')))
    const options = (over: Readonly<Record<string, string>> = {}): string[] =>
      Object.entries({
        '--data-dir': file('aurora'),
        '--draft': file('draft.json'),
        '--name': 'Aurora Ltd',
        '--group': 'aurora',
        '--jurisdiction': 'TW',
        '--url': 'https://aurora.example',
        '--terms-hash': hash,
        '--address': '/dns4/aurora.example/tcp/26600',
        '--lot': `h100-sxm:256:tw-north:${hash}`,
        '--bond': 'USDX:50000.5',
        '--coins': '1000',
        '--out': file('own.json'),
        ...over,
      }).flat()
    // Keys that cost little to open.
    before(() => {
      const given = developmentValidator(0)
      createKeys({ dataDir: file('aurora'), password: PASSWORD, isValidator: true, given, cost: 'light' })
    })

    it('prints the text for a wallet, and writes the part with its signature', async () => {
      const { address, secretKey } = developmentValidator(0).operator
      const wallet = { '--operator': checksumAddress(address) }
      const { stdout } = await run('add-member', ...options(wallet))
      assert.match(
        stdout,
        /^Suanli genesis: my part of a network\nnetwork Ceremony, chain id 271828\ndraft 0x/,
      )
      assert.equal(existsSync(file('own.json')), false)
      const signature = signHash(personalMessageHash(stdout.trimEnd()), secretKey)
      const asWalletsDo = signature.slice()
      asWalletsDo[64]! += 27
      const signed = { ...wallet, '--operator-signature': toHex(asWalletsDo) }
      await json('add-member', ...options(signed))
      const part = JSON.parse(readFileSync(file('own.json'), 'utf8'))
      assert.equal(part.signature, toHex(signature))
      assert.equal(part.member.bonds[0].amountBase, '50000500000')
      assert.equal(part.coins[0].account, toHex(address))
      const foreign = { ...signed, '--name': 'Another Ltd', '--out': file('foreign.json') }
      await refuses(['add-member', ...options(foreign)], /the signature is of 0x.*, expected the operator/)
    })

    it('refuses what no network would take, before any key is made', async () => {
      const dir = { '--data-dir': file('never'), '--out': file('never.json') }
      const cases = [
        [{ '--name': 'Aurora \u202e Ltd' }, /member\.profile\.legalName: .*expected printable characters/],
        [{ '--name': 'Aurora\nmember Borealis' }, /member\.profile\.legalName: .*expected printable/],
        [{ '--group': ' aurora' }, /member\.profile\.legalGroup: .*no space around it/],
        [{ '--jurisdiction': 'tw' }, /member\.profile\.jurisdiction: tw, expected two letters/],
      ] as const
      for (const [over, message] of cases)
        await refuses(['add-member', ...options({ ...dir, ...over })], message)
      const lot = { '--lot': `none:256:tw-north:${hash}` }
      await refuses(['add-member', ...options({ ...dir, ...lot })], /no class none/, EXIT.usage)
      const long = { '--name': 'x'.repeat(129) }
      await refuses(['add-member', ...options({ ...dir, ...long })], /legalName: .*at most 128/, EXIT.usage)
      writeFileSync(file('taken.json'), '')
      const taken = { ...dir, '--out': file('taken.json') }
      await refuses(['add-member', ...options(taken)], /taken\.json: exists already/)
      assert.equal(existsSync(file('never')), false)
    })

    it('makes an operator account where there is none, and keeps it', () => {
      const cheap = { password: PASSWORD, cost: 'light' } as const
      const made = operatorOf({ dataDir: file('aurora') }, cheap)
      assert.deepEqual(storedOperator(file('aurora')), made.address)
      assert.deepEqual(operatorOf({ dataDir: file('aurora') }, cheap), made)
      writeFileSync(file('secret.hex'), toHex(made.secret!))
      const given = { operatorSecretFile: file('secret.hex') }
      assert.throws(() => operatorOf({ dataDir: file('aurora'), ...given }, cheap), /exists already/)
      assert.deepEqual(operatorOf({ dataDir: file('other'), ...given }, cheap), made)
      assert.throws(
        () => operatorOf({ dataDir: file('other'), operator: ISSUER, ...given }, cheap),
        /name one operator/,
      )
    })

    it('refuses malformed terms in one line, and makes no keys for them', async () => {
      const wrong: readonly (readonly [Readonly<Record<string, string>>, RegExp])[] = [
        [{ '--lot': 'h100-sxm:256' }, /--lot: expected class:devices:region:root/],
        [{ '--lot': `h100-sxm:0:tw:${hash}` }, /--lot: expected/],
        [{ '--bond': 'EUR:5' }, /--bond: expected asset:amount of USDX \(6 decimals\)/],
        [{ '--bond': 'USDX:5.0000001' }, /--bond: expected/],
        [{ '--coins': 'many' }, /--coins: expected an amount/],
        [{ '--coins': '0x12:5' }, /--coins: expected an address/],
        [{ '--terms-hash': '0x12' }, /--terms-hash: expected a hash/],
        [{ '--address': '/ip4/0.0.0.0/tcp/26600' }, /is where a node listens, not where others reach it/],
        [{ '--address': 'node.example:26600' }, /expected a multiaddr without peer id/],
      ]
      const operator = { '--operator': ISSUER, '--data-dir': file('nobody') }
      for (const [over, pattern] of wrong)
        await refuses(['add-member', ...options({ ...operator, ...over })], pattern, EXIT.usage)
      assert.equal(existsSync(file('nobody')), false)
    })
  })

  describe('collect, check and show', () => {
    it('write the same document for every order, with the addresses of all, and compare it', async () => {
      const common = ['--draft', file('draft.json')]
      const one = await json(
        'collect',
        ...partFiles,
        ...common,
        '-o',
        file('one.json'),
        '--peers',
        file('peers.json'),
      )
      const two = await json('collect', ...[...partFiles].reverse(), ...common, '-o', file('two.json'))
      assert.equal(one.hash, two.hash)
      assert.equal(readFileSync(file('one.json'), 'utf8'), readFileSync(file('two.json'), 'utf8'))
      const peers = JSON.parse(readFileSync(file('peers.json'), 'utf8')) as readonly string[]
      assert.equal(peers.length, 4)
      for (const [i, peer] of peers.entries())
        assert.ok(peer.startsWith(`/dns4/${CEREMONY_NAMES[i]}.example/tcp/26600/p2p/12D3KooW`))
      const checked = await json('check', file('one.json'), ...common, '--part', ...partFiles)
      assert.deepEqual([checked.hash, checked.members, checked.allMembersSigned], [one.hash, 4, true])
      const mine = await json('check', file('one.json'), ...common, '--part', partFiles[2]!)
      assert.equal(mine.allMembersSigned, false)
      await refuses(['check', file('one.json'), '--part', partFiles[0]!], /--part needs --draft/, EXIT.usage)
    })

    it('give init the addresses, which must be some', async () => {
      writeFileSync(file('no-peers.json'), '["/dns4/aurora.example/tcp/26600"]')
      const { code, stderr } = await runSuanli(
        ['init', '-d', file('late'), '-g', file('one.json'), '--peers', file('no-peers.json')],
        { environment },
      )
      assert.equal(code, EXIT.failed)
      assert.match(stderr, /no-peers.json: \[0\]: "\/dns4.*: expected a multiaddr that ends in \/p2p/)
      assert.equal(existsSync(file('late')), false)
      const peers = JSON.parse(readFileSync(file('peers.json'), 'utf8')) as readonly string[]
      for (const [wrong, message] of [
        [
          [peers[0], peers[1]!.replace('/26600/', '/99999/')],
          /peers\.json: \[1\]: .*99999.*a port up to 65535\n$/,
        ],
        [[peers[0], peers[1], peers[0]], /^suanli: peers: \/dns4\S+ is given twice\n$/],
      ] as const) {
        writeFileSync(file('wrong-peers.json'), JSON.stringify(wrong))
        const line = ['init', '-d', file('late'), '-g', file('one.json'), '--peers', file('wrong-peers.json')]
        assert.match((await runSuanli(line, { environment })).stderr, message)
        assert.equal(existsSync(file('late')), false)
      }
      const [, own = ''] = peers[2]!.split('/p2p/')
      assert.deepEqual(
        readPeers(file('peers.json'), own),
        peers.filter((_, i) => i !== 2),
      )
    })

    it('name the file that breaks a rule, or differs', async () => {
      const [part, ...others] = partFiles as [string, ...string[]]
      const collect = (...files: string[]) => [
        'collect',
        ...files,
        '--draft',
        file('draft.json'),
        '-o',
        file('no.json'),
      ]
      await refuses(collect(...others), /providers: 3, expected at least 4/)
      await refuses(collect(part, ...partFiles), /the same part as/)
      writeFileSync(file('broken.json'), '{"draft": 5}')
      await refuses(collect(file('broken.json'), ...others), /broken.json: draft: expected/)
      writeFileSync(file('later.json'), genesisText(draftOf({ name: 'Later' })))
      await refuses(
        ['collect', ...partFiles, '--draft', file('later.json'), '-o', file('no.json')],
        /aurora.json: made for the draft 0x/,
      )
      await refuses(
        ['check', file('one.json'), '--draft', file('later.json')],
        /one.json: name: differs from the draft/,
      )
      assert.equal(existsSync(file('no.json')), false)
    })

    it('show tables of at most 80 columns, warnings with them, and fail for a document that breaks a rule', async () => {
      const { stdout, code } = await run('show', file('one.json'))
      assert.equal(code, 0)
      assert.match(stdout, /^supply +4000$/m)
      assert.match(stdout, /^1 +aurora Ltd +aurora +TW +1000 +84107 +41053$/m)
      assert.match(stdout, new RegExp(checksumAddress(operatorAddress(3))))
      assert.match(stdout, /- aurora Ltd: the operator is a development account/)
      const long = stdout.split('\n').filter((line) => line.length > 80)
      assert.deepEqual(long, [])
      const document = JSON.parse(readFileSync(file('one.json'), 'utf8'))
      writeFileSync(file('mainnet.json'), JSON.stringify({ ...document, chainId: 1 }))
      const refused = await run('show', file('mainnet.json'))
      assert.equal(refused.code, EXIT.failed)
      assert.match(refused.stdout, /- refused: chainId: 1 is a public network's/)
    })

    it('explain what people copy wrongly into a document', async () => {
      const document = JSON.parse(readFileSync(file('one.json'), 'utf8'))
      const [{ peerId, ...first }, ...others] = document.providers
      const write = (provider: object): string => {
        writeFileSync(file('edited.json'), JSON.stringify({ ...document, providers: [provider, ...others] }))
        return file('edited.json')
      }
      const text = '12D3KooWDYt6SBojcH1j9rGEFjsQ9v1ZGu5JdscbQunAcDZgNyzt'
      await refuses(['check', write({ ...first, peerId: text })], /providers\[0\].peerId: .* as peerIdBytes/)
      await refuses(
        ['check', write({ ...first, peerIdBytes: peerId })],
        /peerIdBytes belongs into peerId|missing|peerId/,
      )
    })
  })
})
