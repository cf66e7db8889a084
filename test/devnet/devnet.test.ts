import assert from 'node:assert/strict'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { OperatorError } from '../../base/errors.ts'
import { contentsOf, mountPoints, removeContents } from '../../devnet/contents.ts'
import { planDevnet } from '../../devnet/directories.ts'
import {
  developmentGenesis,
  fundedAccounts,
  type GenesisOptions,
  readDevelopmentGenesis,
} from '../../devnet/genesisOptions.ts'
import { checkFolders, forgetDevnet } from '../../devnet/ownership.ts'
import { genesisHash } from '../../genesis/schema.ts'
import { DEFAULT_CONFIG, loadConfig } from '../../node/config.ts'
import { genesisText, writeNodeDir } from '../../node/nodeDir.ts'
import { createKeys, showKeys } from '../../node/nodeKeys.ts'
import { nodePaths } from '../../node/nodePaths.ts'
import { createConsensusKey, hasConsensusKey } from '../../signer/keyFiles.ts'
import { type FolderOptions, prepareFolders } from '../support/devnetFolders.ts'

const dataDir = mkdtempSync(join(tmpdir(), 'suanli-devnet-'))
after(() => rmSync(dataDir, { recursive: true }))
const OPTIONS: FolderOptions = {
  validators: 4,
  dataDir,
  blockTimeMs: 100,
  windowMs: 60_000,
  isFresh: false,
  logLevel: 'info',
}
const members = planDevnet({ validators: 4, port: 8545, dataDir })

describe('devnet.genesis', () => {
  it('is the same document on every run', () => {
    assert.deepEqual(genesisHash(developmentGenesis(OPTIONS)), genesisHash(developmentGenesis(OPTIONS)))
  })
  it('keeps the heartbeat within a quarter of the window', () => {
    for (const windowMs of [1_000, 86_400_000]) {
      const { consensus, params } = developmentGenesis({ ...OPTIONS, windowMs })
      assert.equal(params.capacity.windowMs, windowMs)
      assert.ok(consensus.heartbeatMs * 4 <= windowMs && consensus.heartbeatMs <= 15_000)
    }
  })
  it('refuses a window too short for its blocks', () => {
    assert.throws(
      () => developmentGenesis({ ...OPTIONS, windowMs: 1_000, blockTimeMs: 101 }),
      (error: Error) => error instanceof OperatorError && /^window: .* here 1010 ms/.test(error.message),
    )
  })
})

describe('devnet.options', () => {
  const refuses = (options: Partial<GenesisOptions>, message: RegExp): void => {
    assert.throws(
      () => developmentGenesis({ ...OPTIONS, ...options }),
      (error: Error) => error instanceof OperatorError && message.test(error.message),
      String(message),
    )
  }
  it('decide chain id, accounts, balances and parameters', () => {
    const params = { 'redemption.noShowPpm': '20000', 'accounts.blockGasLimit': 40_000_000 }
    const genesis = developmentGenesis({
      ...OPTIONS,
      chainId: 4_242,
      accounts: 12,
      balanceCoins: 5_000,
      params,
    })
    assert.equal(genesis.chainId, 4_242)
    assert.equal(genesis.params.redemption.noShowPpm, 20_000n)
    assert.equal(genesis.params.accounts.blockGasLimit, 40_000_000)
    const funded = fundedAccounts(genesis)
    assert.deepEqual(
      funded.map(({ index }) => index),
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 26, 27],
    )
    const total = genesis.balances.reduce((sum, { amountBase }) => sum + amountBase, 0n)
    assert.equal(total, (12n * 5_000n + 4n * 250n) * 10n ** 18n)
    assert.equal(fundedAccounts(developmentGenesis({ ...OPTIONS, accounts: 2 })).length, 2)
  })
  it('are refused where a rule forbids them', () => {
    refuses({ params: { 'redemption.bogus': 1 } }, /^there is no parameter redemption\.bogus/)
    refuses({ params: { 'redemption.__proto__': 1 } }, /^there is no parameter/)
    refuses({ params: { noShowPpm: 1 } }, /^there is no parameter noShowPpm: expected MODULE\.NAME/)
    refuses(
      { params: { 'redemption.assignAhead': 'x' } },
      /^params\.redemption\.assignAhead: expected an integer/,
    )
    refuses({ params: { 'redemption.assignAhead': 300 } }, /assignAhead: 300, expected 1 to an eighth/)
    refuses({ balanceCoins: 1_000_000 }, /BondTooSmall|QuotaExceeded|OwnBacking/)
    refuses({ validators: 3, windowMs: 3_600_001 }, /at most 3600000 ms with fewer than 4 validators/)
  })
  it('come from a genesis document with the development keys', () => {
    const file = join(dataDir, 'own.json')
    const genesis = developmentGenesis({ ...OPTIONS, validators: 2, chainId: 77_777 })
    writeFileSync(file, genesisText(genesis))
    assert.deepEqual(genesisHash(readDevelopmentGenesis(file)), genesisHash(genesis))
    const [first, second] = genesis.providers
    writeFileSync(file, genesisText({ ...genesis, providers: [second!, first!] }))
    assert.throws(
      () => readDevelopmentGenesis(file),
      /providers\[0\]\.operator: expected the public development key/,
    )
  })
})

describe('devnet.prepare', () => {
  it('gives each validator a directory with the addresses of the others', () => {
    prepareFolders(OPTIONS, members)
    for (const member of members) {
      const { peers, rpcPort } = loadConfig(member.dir)
      assert.equal(rpcPort, 8545 + member.index)
      assert.equal(peers.length, 3)
      assert.ok(!peers.some((peer) => peer.endsWith(member.peerId)))
    }
  })
  it('reuses an earlier run with the same settings and refuses other settings', () => {
    prepareFolders(OPTIONS, members)
    const other = { ...OPTIONS, blockTimeMs: 50 }
    assert.throws(() => prepareFolders(other, members), /with other settings; start with --fresh/)
  })
  it('deletes with --fresh only its own files', () => {
    const mine = join(dataDir, 'thesis.txt')
    writeFileSync(mine, 'years of work')
    mkdirSync(join(dataDir, 'validator-notes'))
    const block = join(members[0]!.dir, 'chain')
    mkdirSync(block)
    prepareFolders({ ...OPTIONS, isFresh: true, blockTimeMs: 50 }, members)
    assert.ok(!existsSync(block))
    assert.equal(readFileSync(mine, 'utf8'), 'years of work')
    assert.ok(existsSync(join(dataDir, 'validator-notes')))
  })
  it('resumes an earlier run that stopped while writing', () => {
    const unfinished = join(dataDir, 'unfinished')
    const planned = planDevnet({ validators: 4, port: 8545, dataDir: unfinished })
    const options = { ...OPTIONS, dataDir: unfinished }
    prepareFolders(options, planned)
    for (const lost of ['genesis.json', 'config.json', 'keys']) {
      rmSync(join(planned[1]!.dir, lost), { recursive: true })
    }
    rmSync(planned[2]!.dir, { recursive: true })
    prepareFolders(options, planned)
    for (const { dir } of planned) assert.ok(showKeys(dir).consensusKey !== undefined)
  })
})

describe('devnet.foreign', () => {
  const foreignDir = join(dataDir, 'foreign')
  const options = { ...OPTIONS, dataDir: foreignDir }
  const planned = planDevnet({ validators: 4, port: 8545, dataDir: foreignDir })
  const dir = planned[1]!.dir
  beforeEach(() => {
    rmSync(foreignDir, { recursive: true, force: true })
    prepareFolders(options, planned)
  })

  /** Contents of every file below a folder. */
  function contents(folder: string): Record<string, string> {
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    )
    return Object.fromEntries(
      files.map(({ parentPath, name }) => [
        join(parentPath, name),
        readFileSync(join(parentPath, name), 'hex'),
      ]),
    )
  }
  function refuses(reason: RegExp): void {
    const before = contents(foreignDir)
    for (const isFresh of [true, false]) {
      assert.throws(
        () => prepareFolders({ ...options, isFresh }, planned),
        (error: Error) =>
          error instanceof OperatorError && error.message.includes(`${dir}: `) && reason.test(error.message),
      )
    }
    assert.deepEqual(contents(foreignDir), before)
  }

  it('refuses a real validator, deletes no key and overwrites no configuration', () => {
    rmSync(dir, { recursive: true })
    writeNodeDir(dir, developmentGenesis(OPTIONS), DEFAULT_CONFIG)
    createKeys({ dataDir: dir, password: 'secret', isValidator: true, cost: 'light' })
    refuses(/it has no devnet-validator.json/)
  })
  it("refuses a signer's directory, which holds only keys", () => {
    rmSync(dir, { recursive: true })
    createConsensusKey(dir, 'secret', 'light')
    refuses(/it has no devnet-validator.json/)
  })
  it('refuses its own folder with a foreign key in it', () => {
    rmSync(join(dir, 'keys'), { recursive: true })
    createConsensusKey(dir, 'secret', 'light')
    refuses(/keys\/consensus.json is not a development key's/)
  })
  it('refuses a copy of its mark next to the genesis of another chain', () => {
    const other = developmentGenesis({ ...OPTIONS, blockTimeMs: 50 })
    writeFileSync(join(dir, 'genesis.json'), genesisText(other))
    refuses(/its genesis.json is not the one the devnet wrote/)
  })
  it('refuses a folder of its own that holds anything else, and links in it', () => {
    const notes = join(dir, 'notes.txt')
    writeFileSync(notes, 'mine')
    refuses(/notes.txt is not the devnet's/)
    rmSync(notes)
    writeFileSync(join(dir, 'keys', 'mine.pem'), 'mine')
    refuses(/keys\/mine.pem is not the devnet's/)
    rmSync(join(dir, 'keys', 'mine.pem'))
    symlinkSync(dataDir, join(dir, 'snapshots'))
    refuses(/snapshots is a link to elsewhere/)
  })
  it('refuses what it cannot name at any depth, and files in place of folders', () => {
    const folders = [
      'chain/chain',
      'journal',
      'signer/lock',
      'snapshots/7',
      'accounts',
      'evidence',
      'recovery',
    ]
    for (const folder of folders) mkdirSync(join(dir, folder), { recursive: true })
    const foreign = [
      ...folders.map((folder) => join(folder, 'thesis.txt')),
      ...['chain/thesis.tmp', 'signer/consensus.json', 'snapshots/thesis', 'node.log.old', 'thesis.tmp'],
    ]
    for (const name of foreign) {
      writeFileSync(join(dir, name), 'years of work')
      refuses(new RegExp(`${name} is not the devnet's`))
      rmSync(join(dir, name))
    }
    for (const name of ['node.log', 'diagnosis-7.json', 'chain/closed', 'keys/consensus.fresh']) {
      rmSync(join(dir, name), { force: true })
      mkdirSync(join(dir, name))
      refuses(new RegExp(`${name} is not the devnet's`))
      rmSync(join(dir, name), { recursive: true })
    }
    symlinkSync(dataDir, join(dir, 'chain/chain/000001.ldb'))
    refuses(/chain\/chain\/000001.ldb is a link to elsewhere/)
  })
  it("refuses a copy of its own folder, another key's record, and what is mounted in it", () => {
    const copy = join(foreignDir, 'validator-12')
    renameSync(dir, copy)
    assert.throws(() => forgetDevnet(foreignDir), /validator-12: it is a copy of validator-1/)
    renameSync(copy, dir)
    mkdirSync(join(dir, 'signer'))
    writeFileSync(join(dir, 'signer', 'key'), `0x${'ab'.repeat(48)}\n`)
    refuses(/signer\/ holds the record of another key/)
    rmSync(join(dir, 'signer', 'key'))
    mkdirSync(join(dir, 'chain'))
    for (const at of [dir, join(dir, 'chain')]) {
      assert.throws(() => checkFolders([dir], new Set([at])), /is another file system/)
    }
    assert.ok(process.platform !== 'linux' || mountPoints().has('/'))
  })
  it('leaves what appears while it deletes', () => {
    const contents = contentsOf(dir)
    writeFileSync(join(dir, 'keys', 'late.json'), 'mine')
    assert.throws(() => removeContents(dir, contents), { code: 'ENOTEMPTY' })
    assert.equal(readFileSync(join(dir, 'keys', 'late.json'), 'utf8'), 'mine')
  })
  it('takes its own folder again with everything that a validator has written into it', () => {
    const { addresses, ...folders } = nodePaths(dir)
    writeFileSync(addresses, '{}')
    for (const folder of Object.values(folders)) mkdirSync(folder)
    for (const isFresh of [false, true])
      assert.doesNotThrow(() => prepareFolders({ ...options, isFresh }, planned))
    assert.equal(existsSync(addresses), false)
  })
  it('refuses a link or a file in place of a folder', () => {
    const elsewhere = join(dataDir, 'elsewhere')
    renameSync(dir, elsewhere)
    symlinkSync(elsewhere, dir)
    refuses(/it is not a folder/)
    rmSync(dir)
    writeFileSync(dir, 'text')
    refuses(/it is not a folder/)
  })
  it('refuses with --fresh also foreign folders with higher validator numbers', () => {
    const beyond = join(foreignDir, 'validator-7')
    createConsensusKey(beyond, 'secret', 'light')
    assert.throws(
      () => prepareFolders({ ...options, isFresh: true }, planned),
      (error: Error) => error.message.includes(`${beyond}: it has no devnet-validator.json`),
    )
    assert.ok(hasConsensusKey(beyond) && existsSync(dir))
  })
  it('leaves a devnet.json that it did not write', () => {
    const status = join(foreignDir, 'devnet.json')
    writeFileSync(status, '{"name":"mine"}')
    prepareFolders({ ...options, isFresh: true }, planned)
    assert.equal(readFileSync(status, 'utf8'), '{"name":"mine"}')
  })
})
