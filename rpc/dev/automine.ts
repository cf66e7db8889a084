// Whether blocks come by themselves, as anvil, hardhat and ganache ask and say it: here they always do. Not: making one (time.ts).
import { RPC_CODE, RpcError } from '../errors.ts'
import { defineMethod, type Method } from '../method.ts'
import { p } from '../params.ts'
import { alsoAs } from './aliases.ts'

const AT_WORK =
  'validators make a block whenever one is needed: that is not switched off, nor put on an interval. evm_mine makes one at any time'

function refuse(): never {
  throw new RpcError(RPC_CODE.refused, AT_WORK)
}

export function automineMethods(): readonly Method[] {
  return [
    ...alsoAs(
      // As ganache has it; a node of a real chain answers false, as it mines nothing.
      ['hardhat_getAutomine', 'ganache_getAutomine', 'eth_mining'],
      defineMethod({
        name: 'anvil_getAutomine',
        doc: 'True: a block is made whenever one is needed.',
        cost: 1,
        params: {},
        returns: { type: 'boolean' },
        run: () => true,
      }),
    ),
    ...alsoAs(
      'anvil_setAutomine',
      defineMethod({
        name: 'evm_setAutomine',
        doc: 'Nothing to do for true; refuses false, as blocks are made whenever one is needed.',
        cost: 1,
        params: { isOn: p.bool },
        returns: { type: 'boolean' },
        run: ({ isOn }) => isOn || refuse(),
      }),
    ),
    defineMethod({
      name: 'miner_start',
      doc: 'Nothing to do: a block is made whenever one is needed.',
      cost: 1,
      params: {},
      returns: { type: 'boolean' },
      run: () => true,
    }),
    defineMethod({
      name: 'miner_stop',
      doc: 'Refused: a block is made whenever one is needed.',
      cost: 1,
      params: {},
      returns: { type: 'boolean' },
      run: () => refuse(),
    }),
    defineMethod({
      name: 'anvil_getIntervalMining',
      doc: 'Null: blocks are not made at an interval.',
      cost: 1,
      params: {},
      returns: { type: 'null' },
      run: () => null,
    }),
    ...alsoAs(
      'anvil_setIntervalMining',
      defineMethod({
        name: 'evm_setIntervalMining',
        doc: 'Nothing to do for 0; refuses an interval, as blocks are made whenever one is needed.',
        cost: 1,
        params: { interval: p.count },
        returns: { type: 'boolean' },
        run: ({ interval }) => interval === 0 || refuse(),
      }),
    ),
  ]
}
