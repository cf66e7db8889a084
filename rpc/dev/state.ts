// The whole state of a devnet in an answer, and back. Not: the file (node/stateFile.ts), what loading it means (devnet/).
import { toHex } from '../../base/bytes.ts'
import { defineMethod, type Method } from '../method.ts'
import { DATA_SCHEMA, p } from '../params.ts'
import { alsoAs } from './aliases.ts'
import { type DevControl, IN_TURN_COST, STATE_BYTES_MAX } from './control.ts'

export function stateFileMethods(control: DevControl): readonly Method[] {
  return [
    ...alsoAs(
      ['anvil_dumpState', 'hardhat_dumpState', 'ganache_dumpState'],
      defineMethod({
        name: 'dev_dumpState',
        doc:
          'The newest final state, all records of it, as the bytes of a gzipped state file: what suanli export state writes, ' +
          'dev_loadState takes and suanli devnet --load-state begins from.',
        cost: IN_TURN_COST,
        params: {},
        returns: DATA_SCHEMA,
        run: async () => toHex(await control.dumpState()),
      }),
    ),
    ...alsoAs(
      ['anvil_loadState', 'hardhat_loadState', 'ganache_loadState'],
      defineMethod({
        name: 'dev_loadState',
        doc:
          "Makes a state that dev_dumpState gave the chain's, on all validators, with its height and its root; true once it is done. " +
          'What was above is gone, and so are snapshots and what waited. A state of another chain is refused.',
        cost: IN_TURN_COST,
        params: { state: p.data(STATE_BYTES_MAX) },
        returns: { type: 'boolean' },
        run: async ({ state }) => {
          await control.loadState(state)
          return true
        },
      }),
    ),
  ]
}
