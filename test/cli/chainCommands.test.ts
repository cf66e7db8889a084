// Commands that talk to a chain, on a served one: arguments from the schemas, output for people and scripts, exit codes.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command, CommanderError } from 'commander'
import { checksumAddress } from '../../base/address.ts'
import { toHex } from '../../base/bytes.ts'
import { OperatorError } from '../../base/errors.ts'
import type { Fields } from '../../base/field.ts'
import { readOptions } from '../../cli/chain/fieldInput.ts'
import { defaultOf, optionName } from '../../cli/chain/fieldText.ts'
import { answerText, cut, displayWidth, tableText } from '../../cli/chain/table.ts'
import { COMMANDS } from '../../cli/commandList.ts'
import { addBalance, addSend, addTx } from '../../cli/commands/coins.ts'
import { completionText } from '../../cli/commands/completion.ts'
import { addMember } from '../../cli/commands/member.ts'
import { addModule } from '../../cli/commands/module.ts'
import { addProviderCommand } from '../../cli/commands/provider.ts'
import { addWallet } from '../../cli/commands/wallet.ts'
import { EXIT, exitCodeOf } from '../../cli/exitCode.ts'
import { encryptKeystore } from '../../client/accounts/keystore.ts'
import { mnemonicAccount } from '../../client/accounts/mnemonic.ts'
import { ClientError } from '../../client/clientError.ts'
import { developmentAccounts } from '../../genesis/devKeys.ts'
import { MODULE_SCHEMAS, schemas } from '../../state/schemas.ts'
import { addressOf, COIN } from '../support/chainHarness.ts'
import { type Served, serve } from '../support/rpcHarness.ts'

const [DEV] = developmentAccounts()
const TO = checksumAddress(addressOf('a recipient'))

/** Every command of this file's subject, as `suanli` has them. */
function program(): Command {
  const made = new Command('suanli').exitOverride().configureOutput({ writeErr: () => undefined })
  for (const add of [addBalance, addSend, addTx, addMember, addProviderCommand, addWallet]) add(made)
  for (const definition of MODULE_SCHEMAS) addModule(definition)(made)
  return made
}

/** What a command printed; throws what it threw. */
async function printed(args: readonly string[]): Promise<string> {
  const { write } = process.stdout
  let text = ''
  process.stdout.write = (piece: string | Uint8Array): boolean => {
    text += String(piece)
    return true
  }
  try {
    await program().parseAsync(['node', 'suanli', ...args])
  } finally {
    process.stdout.write = write
  }
  return text
}

describe('cli.chain', () => {
  let served: Served
  const dir = mkdtempSync(join(tmpdir(), 'suanli-cli-'))
  const at = (): readonly string[] => ['--rpc', served.rpc.url]
  before(async () => {
    served = await serve()
    served.backend.fund([DEV!], 50n * COIN)
  })
  after(async () => {
    await served.rpc.close()
    rmSync(dir, { recursive: true, force: true })
    assert.deepEqual(served.logged, [])
  })

  it('has an option of its name for each argument of each action and query', () => {
    const made = program()
    for (const { name, actions, queries } of MODULE_SCHEMAS) {
      const module = made.commands.find((command) => command.name() === name)!
      const fields = [...Object.values(actions), ...Object.values(queries)].map(({ args }) =>
        Object.keys(args),
      )
      const options = module.commands.map((command) => command.options.map(({ long }) => long))
      fields.forEach((names, i) => {
        assert.deepEqual(
          options[i]!.slice(0, names.length),
          names.map(optionName),
          module.commands[i]!.name(),
        )
      })
    }
  })

  it('makes no bid that could not be revealed', async () => {
    const bidFile = join(dir, 'bid.json')
    const bid = async (amount: string, share: string): Promise<unknown> =>
      printed([
        ...['provider', 'bid', '--provider', '4', '--amount-base', amount, '--share-ppm', share],
        ...['--bid-file', bidFile, '--dev', '10', ...at()],
      ]).catch((error: unknown) => error)
    for (const [amount, share, message] of [
      ['0', '1', /^--amount-base: expected more than 0$/],
      ['1', '1000001', /^--share-ppm: expected at most 1000000/],
    ] as const) {
      const error = await bid(amount, share)
      assert.match((error as Error).message, message)
      assert.equal(exitCodeOf(error), EXIT.usage)
    }
    assert.equal(existsSync(bidFile), false)
  })

  it('sends coins from a devnet’s account and shows the balance', async () => {
    const sent = JSON.parse(await printed(['send', TO, '1.5', '--dev', '0', '--json', ...at()])) as Record<
      string,
      unknown
    >
    assert.deepEqual([sent.action, sent.gasUsed], ['transfer', 21_000])
    const lines = (await printed(['balance', TO, ...at()])).split('\n')
    assert.deepEqual(lines.slice(0, 2), [`address       ${TO}`, 'coins         1.5 ACPC'])
    const tx = JSON.parse(await printed(['tx', String(sent.transaction), '--json', ...at()])) as Record<
      string,
      unknown
    >
    assert.equal(tx.sentence, 'transfer succeeded')
  })

  it('shows a call without sending it', async () => {
    const { height } = served.backend.head().header
    const shown = JSON.parse(
      await printed(['send', TO, '2', '--dev', '0', '--dry-run', '--json', ...at()]),
    ) as object
    assert.deepEqual(shown, {
      from: checksumAddress(DEV!.address),
      to: TO,
      value: '2 ACPC',
      data: '0x',
      lane: 'general',
      gas: 21_000,
    })
    assert.equal(served.backend.head().header.height, height)
  })

  it('runs an action and names the rule that refuses one', async () => {
    const calls = JSON.stringify([{ to: toHex(addressOf('batch')), value: '5', data: '0x' }])
    const text = await printed(['accounts', 'batch', '--calls', calls, '--dev', '0', ...at()])
    assert.match(text, /^action +accounts\.batch$/m)
    const refused = printed(['assets', 'redeem', '--asset', '1', '--amount-base', '5', '--dev', '0', ...at()])
    await assert.rejects(refused, (error: unknown) => {
      assert.match(String(error), /InsufficientAsset\(asset=1, balanceBase=0, neededBase=5\)/)
      assert.equal(exitCodeOf(error), EXIT.refused)
      return true
    })
  })

  it('asks queries, and says when there is no such thing', async () => {
    const one = JSON.parse(await printed(['providers', 'provider', '--id', '1', '--json', ...at()])) as {
      id: number
    }
    assert.equal(one.id, 1)
    const nothing = printed(['providers', 'provider', '--id', '99', ...at()])
    await assert.rejects(nothing, / there is none on this chain: --id 99$/)
    const leftOut = printed(['providers', 'provider', '--at-block', '1', ...at()])
    await assert.rejects(leftOut, /there is none in block 1: --id 0 \(it was left out\)$/)
    assert.match(await printed(['member', 'list', ...at()]), /^id +name +group +status +votes +operator\n1 /)
    const past = await printed(['accounts', 'supply', '--at-block', '1', '--json', ...at()])
    assert.match(past, /^"\d+"|\{/)
  })

  it('makes, shows and reads key files, and sends from them', async () => {
    const [made, known, password] = ['made.json', 'known.json', 'password'].map((name) => join(dir, name))
    writeFileSync(password!, 'secret\n')
    const secret = ['--password-file', password!]
    const first = JSON.parse(await printed(['wallet', 'new', '-o', made!, '--json', ...secret])) as Record<
      string,
      string
    >
    assert.equal(first.address, checksumAddress(mnemonicAccount(first.mnemonic!).address))
    assert.equal(readFileSync(made!, 'utf8').includes(first.mnemonic!), false)
    await assert.rejects(printed(['wallet', 'new', '-o', made!, ...secret]), /made\.json exists already/)
    // Cheap to open: the cost of guessing is in the file.
    writeFileSync(known!, JSON.stringify(await encryptKeystore(DEV!.secretKey, 'secret', { cost: 'light' })))
    const shown = JSON.parse(await printed(['wallet', 'show', known!, '--json', ...secret])) as Record<
      string,
      string
    >
    assert.equal(shown.address, checksumAddress(DEV!.address))
    assert.match(
      await printed(['send', TO, '1', '--keystore', known!, ...secret, ...at()]),
      /^action +transfer$/m,
    )
    writeFileSync(password!, 'wrong\n')
    await assert.rejects(printed(['wallet', 'show', known!, ...secret]), /known\.json: the password is wrong/)
  }).timeout(20_000)

  it('imports nothing but a mnemonic or a key', async () => {
    const wrong = join(dir, 'wrong')
    writeFileSync(wrong, 'not a key')
    const out = ['wallet', 'import', '-o', join(dir, 'new.json')]
    await assert.rejects(printed([...out, '--key-file', wrong]), /wrong does not hold 32 bytes of hex/)
    await assert.rejects(printed([...out, '--mnemonic-file', wrong]), /mnemonic has an unknown word/)
    await assert.rejects(printed(out), /--mnemonic-file or --key-file/)
  })

  it('wants exactly one account', async () => {
    await assert.rejects(printed(['send', TO, '1', ...at()]), /name the account to send from/)
    await assert.rejects(
      printed(['send', TO, '1', '--dev', '0', '--mnemonic-file', 'x', ...at()]),
      /one account only/,
    )
    await assert.rejects(
      printed(['send', TO, '1', '--mnemonic-file', '/nowhere', ...at()]),
      /nowhere: ENOENT/,
    )
  })

  it('tells scripts by the exit code what happened', async () => {
    const codeOf = async (args: readonly string[]): Promise<number> => {
      try {
        await printed(args)
        return 0
      } catch (error) {
        return exitCodeOf(error)
      }
    }
    assert.equal(await codeOf(['balance', TO, ...at()]), 0)
    assert.equal(await codeOf(['balance', '0x12', ...at()]), EXIT.usage)
    assert.equal(await codeOf(['balance']), EXIT.usage)
    assert.equal(await codeOf(['issuance', 'quota', '--provider', 'one', ...at()]), EXIT.usage)
    assert.equal(await codeOf(['send', TO, '1', ...at()]), EXIT.usage)
    assert.equal(await codeOf(['balance', TO, '--rpc', 'http://127.0.0.1:9']), EXIT.unreachable)
    assert.equal(await codeOf(['send', TO, '1000', '--dev', '0', ...at()]), EXIT.failed)
    assert.equal(exitCodeOf(new ClientError('waiting', '')), EXIT.waiting)
    assert.equal(exitCodeOf(new CommanderError(0, 'commander.help', '')), 0)
    assert.equal(exitCodeOf(new OperatorError('x')), EXIT.failed)
  })

  it('lists each command as it describes itself', async () => {
    for (const [name, { text, load }] of Object.entries(COMMANDS)) {
      const alone = new Command('suanli')
      const add = await load()
      add(alone, () => undefined)
      assert.deepEqual(
        alone.commands.map((command) => [command.name(), command.description()]),
        [[name, text]],
      )
    }
  })

  describe('arguments', () => {
    it('every action and query has a command whose options are its fields', () => {
      const commands = new Map(program().commands.map((command) => [command.name(), command]))
      for (const { name, actions, queries } of MODULE_SCHEMAS) {
        const module = commands.get(name)!
        assert.equal(module.commands.length, Object.keys(actions).length + Object.keys(queries).length, name)
        for (const command of module.commands) assert.ok(command.description().length > 0)
      }
      const request = commands.get('redemption')!.commands.find((command) => command.name() === 'request')!
      const options = request.options.map(({ long }) => long)
      for (const field of Object.keys(schemas.redemption.actions.request.args)) {
        assert.ok(options.includes(optionName(field)), field)
      }
    })

    const { args } = schemas.redemption.actions.request
    const NONE = { jobHash: 'none', voucherKey: 'none' }
    it('reads amounts in base units and in coins, names, and none', () => {
      const values = readOptions(args, { amountBase: '1.5acpc', service: 'train', provider: '3', ...NONE })
      assert.deepEqual([values.amountBase, values.service, values.provider], [15n * 10n ** 17n, 'train', 3])
      assert.deepEqual([values.jobHash, values.voucherKey], [new Uint8Array(32), new Uint8Array(20)])
      assert.equal(readOptions(args, { amountBase: '7', ...NONE }).amountBase, 7n)
      assert.deepEqual(readOptions(args, NONE).region, '')
    })

    for (const [option, text, message] of [
      ['amountBase', '1.5', /^OperatorError: --amount-base: expected/],
      ['amountBase', '1.5.5acpc', /coins such as 1.5acpc/],
      ['amountBase', '-1', /--amount-base/],
      ['service', 'mining', /--service/],
      ['provider', '1e3', /--provider: expected a whole number/],
      ['provider', '99999999999999999999', /--provider/],
      ['voucherKey', '0x12', /--voucher-key: expected an address/],
      ['clientKey', 'xyz', /--client-key: expected 0x hex/],
      ['jobHash', '0x12', /--job-hash/],
    ] as const) {
      it(`refuses ${option} ${text}`, () => {
        assert.throws(() => readOptions(args, { ...NONE, [option]: text }), message)
      })
    }

    it('asks for what has no default', () => {
      assert.throws(() => readOptions(args, {}), /--job-hash is missing/)
      const fields: Fields = schemas.accounts.actions.batch.args
      assert.throws(() => readOptions(fields, { calls: '[' }), /--calls: expected JSON/)
      assert.throws(() => readOptions(fields, { calls: '[{"to":"0x12"}]' }), /--calls/)
      assert.deepEqual(defaultOf(fields.calls!), { value: [] })
    })
  })

  describe('tables', () => {
    it('align Chinese, in 80 columns', () => {
      assert.deepEqual([displayWidth('算力幣'), displayWidth('abc'), displayWidth('é')], [6, 3, 1])
      const rows = [
        ['1', '曙光雲端', 'active'],
        ['2', 'borealis', 'jailed'],
      ]
      const lines = tableText(['id', 'name', 'status'], rows).split('\n')
      assert.deepEqual(lines, ['id  name      status', '1   曙光雲端  active', '2   borealis  jailed'])
      const wide = tableText(['id', 'text'], [['1', '算'.repeat(100)]])
      assert.ok(wide.split('\n').every((line) => displayWidth(line) <= 80))
      assert.equal(cut('曙光雲端', 5), '曙光…')
    })

    it('show lists, objects and single values', () => {
      assert.equal(answerText([]), 'none')
      assert.equal(answerText('7'), '7')
      assert.equal(answerText({ a: 1, inner: { b: null } }), 'a        1\ninner.b  -')
      assert.equal(answerText({ list: [{ a: 1 }], cursor: 0 }), 'cursor  0\n\nlist\na\n1')
      assert.equal(answerText([{ a: 1 }, { a: 2, b: 'x' }]), 'a  b\n1  -\n2  x')
      const long = `0x${'ab'.repeat(100)}`
      const nested = answerText({ data: long, hash: `0x${'ab'.repeat(32)}`, parts: [] }).split('\n')
      assert.deepEqual(
        nested.map((line) => [displayWidth(line), line.endsWith('…')]),
        [
          [80, true],
          [73, false],
          [9, false],
        ],
      )
      const many = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`name${i}`, i]))
      const inside = answerText([{ ...many, parts: [{ a: 1 }, { a: 2 }] }])
      assert.match(inside, /^parts\.0\.a {2}1\nparts\.1\.a {2}2$/m)
      assert.equal(answerText([many, many]).split('\n\n').length, 2)
    })
  })

  it('completes commands and options in bash', () => {
    const script = join(dir, 'completion.bash')
    writeFileSync(script, completionText(program(), 'bash'))
    const complete = (...words: readonly string[]): readonly string[] => {
      const list = words.map((word) => `'${word}'`).join(' ')
      const run = `source ${script}; COMP_WORDS=(suanli ${list}); COMP_CWORD=${words.length}; _suanli; echo "\${COMPREPLY[@]}"`
      return execFileSync('bash', ['-c', run], { encoding: 'utf8' }).trim().split(' ')
    }
    assert.deepEqual(complete('redem'), ['redemption'])
    assert.deepEqual(complete('redemption', 'req'), ['request'])
    assert.ok(complete('redemption', 'request', '--').includes('--amount-base'))
    assert.deepEqual(complete('redemption', 'request', '--amount-base', '5', '--serv'), ['--service'])
    assert.match(completionText(program(), 'fish'), /-a request -d 'escrows coins/)
    assert.match(completionText(program(), 'zsh'), /'redemption'\) entries=\('list:/)
  })
})
