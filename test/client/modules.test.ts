// Calls of native modules are the bytes that viem makes of the published ABIs.
import assert from 'node:assert/strict'
import { encodeFunctionData } from 'viem'
import { accountsAbi } from '../../abi/accounts.ts'
import { redemptionAbi, redemptionAddress } from '../../abi/redemption.ts'
import { toHex } from '../../base/bytes.ts'
import { encodeCall, transfer } from '../../client/calls.ts'
import { ClientError } from '../../client/clientError.ts'
import * as modules from '../../client/modules.ts'
import { accounts, redemption } from '../../client/modules.ts'
import { MODULE_SCHEMAS } from '../../state/schemas.ts'

const ADDRESS = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8'
const HASH = `0x${'11'.repeat(32)}` as const

describe('client.modules', () => {
  it('encodes an action as viem does, with byte strings as hex or bytes', () => {
    const args = {
      amountBase: 5n * 10n ** 18n,
      service: 'infer',
      provider: 3,
      ratingMin: 400_000n,
      region: 'tw',
      startBy: 0,
      finishBy: 12,
      jobHash: HASH,
      clientKey: '0xabcd',
      voucherKey: ADDRESS,
    } as const
    const call = redemption.request(args)
    const expected = encodeFunctionData({
      abi: redemptionAbi,
      functionName: 'request',
      args: [args.amountBase, 2, 3n, 400_000n, 'tw', 0n, 12n, HASH, '0xabcd', ADDRESS],
    })
    assert.equal(toHex(call.data), expected)
    assert.deepEqual([toHex(call.to), call.lane, call.valueBase], [redemptionAddress, 'redemption', 0n])
    const bytes = { jobHash: new Uint8Array(32).fill(0x11), clientKey: Uint8Array.of(0xab, 0xcd) }
    assert.deepEqual(redemption.request({ ...args, ...bytes }), call)
  })

  it('encodes lists of structs', () => {
    const calls = [{ to: ADDRESS, value: 7n, data: '0x0102' }] as const
    const expected = encodeFunctionData({ abi: accountsAbi, functionName: 'batch', args: [calls] })
    assert.equal(toHex(accounts.batch({ calls }).data), expected)
  })

  it('has a function for every action of every module', () => {
    const made = Object.values(modules).filter((value) => typeof value === 'object')
    assert.deepEqual(
      made.map(({ definition }) => definition.name).sort(),
      MODULE_SCHEMAS.map(({ name }) => name).sort(),
    )
    for (const { definition, ...functions } of made) {
      assert.deepEqual(Object.keys(functions), Object.keys(definition.actions))
    }
  })

  for (const [what, make, message] of [
    ['a value out of bounds', () => redemption.cancel({ id: -1 }), /^id: expected an integer/],
    ['a missing argument', () => redemption.cancel({} as never), /^id: is missing/],
    ['an unknown argument', () => redemption.cancel({ id: 1, force: true } as never), /no argument force/],
    ['an address with a wrong checksum', () => transfer(ADDRESS.replace('d01', 'D01'), 1n), /not an address/],
    [
      'no hex',
      () => encodeCall(redemption.definition, 'grant', { id: 1, assignment: 0, ciphertext: 'xyz' }),
      /^ciphertext: /,
    ],
    [
      'coins for an action that takes none',
      () => redemption.cancel({ id: 1 }, { valueBase: 1n }),
      /takes no coins/,
    ],
    ['an unknown action', () => encodeCall(redemption.definition, 'steal', {}), /no action steal/],
  ] as const) {
    it(`refuses ${what}`, () => {
      assert.throws(make, (error: ClientError) => {
        assert.ok(error instanceof ClientError)
        assert.equal(error.code, 'input')
        assert.match(error.message, message)
        return true
      })
    })
  }
})
