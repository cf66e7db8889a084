// `suanli provider`: what it says of a provider on a chain of all modules, and that its commands are those of the modules.
import assert from 'node:assert/strict'
import { Command } from 'commander'
import { addProviderCommand, providerStatus } from '../../cli/commands/provider.ts'
import type { ChainClient } from '../../client/chainClient.ts'
import { MODULES } from '../../state/registry.ts'
import { coins, cureWindows, DefaultChain, HOLDER, PRICE } from '../support/defaultFixture.ts'

/** A client whose node answers from a chain in memory. */
function clientOf(chain: DefaultChain): Pick<ChainClient, 'query'> {
  const query = async (
    { definition }: { readonly definition: { readonly name: string } },
    name: string,
    args: object,
  ): Promise<unknown> => {
    const module = MODULES.find((known) => known.definition.name === definition.name)!
    return chain.query(name, args, module)
  }
  return { query } as unknown as Pick<ChainClient, 'query'>
}

function chainOf(bond = 1_000): DefaultChain {
  const chain = new DefaultChain({
    providers: [0, 1, 2, 3, 4].map((i) => ({
      devices: 100,
      ...(i === 0 ? { bondBase: BigInt(bond) * PRICE } : {}),
    })),
  })
  chain.run(() => chain.owe(1, coins(5_000)))
  chain.pass()
  return chain
}
const of = (chain: DefaultChain, provider = 1) => providerStatus(clientOf(chain), provider)

describe('cli.provider', () => {
  it('says that nothing is to be done, and which grants are due', async () => {
    const chain = chainOf()
    const quiet = await of(chain)
    assert.deepEqual(
      [quiet.status, quiet.next, quiet.by, quiet.grantsDue],
      ['active', 'nothing', '-', 'none'],
    )
    assert.deepEqual([quiet.owes, quiet.bond, quiet.bondMissing], ['5000 ACPC', '1000 ACPC', '0 ACPC'])
    chain.run(() => {
      assert.equal(chain.list(1), undefined)
      assert.equal(chain.request(HOLDER, coins(10)), undefined)
    })
    chain.run()
    const due = await of(chain)
    assert.equal(due.grantsDue, `1, 10 ACPC, before window ${chain.window + 1} begins`)
    assert.match(due.next, /^grant access .*redemption\.grant$/)
    assert.equal(due.by, `the end of window ${chain.window}, which runs`)
    assert.match(due.otherwise, /^a fault/)
    assert.match(due.leaving, /^[\d.]+ ACPC beyond its own coins, \d+(\.\d+)? \w+$/)
  })

  it('says what to do, by when, and what happens otherwise', async () => {
    const chain = chainOf(700)
    const short = await of(chain)
    assert.match(short.next, /^post settlement assets .*providers\.postBond$/)
    assert.equal(short.by, `window ${chain.window + cureWindows}; window ${chain.window} runs`)
    assert.match(short.otherwise, /^it defaults/)
    assert.equal(short.bondMissing, '50 ACPC')
    assert.equal(short.mintable, 'none: ProviderNotActive')
    await assert.rejects(of(chain, 99), /there is no provider 99/)
  })

  it('has an action of a module behind each command, in groups', () => {
    const program = new Command('suanli').exitOverride()
    addProviderCommand(program)
    const [provider] = program.commands
    const help = provider!.helpInformation()
    for (const group of ['Capacity and bond', 'Issuing', 'Serving', 'Leaving', 'Bidding'])
      assert.match(help, new RegExp(`^${group} commands:$`, 'm'))
    const names = provider!.commands.map((command) => command.name())
    for (const name of [
      'status',
      'pledge',
      'notice',
      'list',
      'grant',
      'resume',
      'offer',
      'accept',
      'exit',
      'bid',
      'reveal',
    ])
      assert.ok(names.includes(name), name)
    assert.equal(new Set(names).size, names.length)
  })
})
