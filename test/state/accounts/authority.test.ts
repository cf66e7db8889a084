import { strict as assert } from 'node:assert'
import { decodeAbi } from '../../../base/abi.ts'
import { equalBytes, utf8 } from '../../../base/bytes.ts'
import { keccak256 } from '../../../base/crypto/hash.ts'
import { ZERO_ADDRESS } from '../../../base/ids.ts'
import { failureReader } from '../../../state/call.ts'
import { accountsQueries } from '../../../state/modules/accounts/queries.ts'
import { accountsSchema } from '../../../state/modules/accounts/schema.ts'
import { ACCOUNTS_ADDRESS } from '../../../state/modules/accounts/tables.ts'
import { calldata } from '../../support/calldata.ts'
import { addressOf, blockContext, COIN, LEDGER_MODULES, TestChain } from '../../support/chainHarness.ts'
import { GIVING_ADDRESS, givingModule, givingSchema } from '../../support/signedModule.ts'

const MODULES = [...LEDGER_MODULES, givingModule]
const EXECUTED = keccak256(utf8('Executed(address,bytes32,address,address,bool,bytes)'))

describe('accounts.authority', () => {
  it('takes bytes that fit no key for nobody, the zero address included', () => {
    const chain = new TestChain({ balances: { relay: 10n * COIN }, modules: MODULES })
    const timestampMs = chain.parent.header.timestampMs + 100
    const args = { asset: 0, to: addressOf('bob'), amountBase: 1n, memo: new Uint8Array() }
    const action = {
      to: GIVING_ADDRESS,
      data: calldata(givingSchema, 'give', args),
      from: ZERO_ADDRESS,
      validBefore: Math.floor(timestampMs / 1000) + 600,
      nonce: 1n,
    }
    const signatures = [new Uint8Array(65), new Uint8Array(), new Uint8Array(65).fill(0xff)]
    const block = blockContext({ modules: MODULES, timestampMs })
    for (const signature of signatures) {
      const { recovered, reason } = accountsQueries.checkSigned(
        { state: chain.full, block },
        { action, signature },
      )
      assert.deepEqual(recovered, ZERO_ADDRESS)
      assert.match(failureReader(MODULES).describe(reason), /^SignerMismatch\(expected=0x0{40}, /)
    }
    const data = calldata(accountsSchema, 'execute', { actions: signatures.map(() => action), signatures })
    const draft = { from: 'relay', nonce: 0, gasLimit: 5_000_000, to: ACCOUNTS_ADDRESS, data }
    const { receipts } = chain.next([draft], { timestampMs })
    const reasons = receipts[0]!.logs
      .filter(({ topics }) => equalBytes(topics[0]!, EXECUTED))
      .map((log) => decodeAbi([{ kind: 'address' }, { kind: 'bool' }, { kind: 'bytes' }], log.data)[2])
      .map((reason) => failureReader(MODULES).describe(reason as Uint8Array))
    assert.equal(reasons.length, 3)
    for (const reason of reasons) assert.match(reason, /^SignerMismatch\(/)
  })
})
