// `suanli genesis new`: a draft from a preset. Not: what is in it (genesis/draft.ts).
import { type Command, Option } from 'commander'
import { toHex } from '../../base/bytes.ts'
import { PRESETS } from '../../base/parameters.ts'
import { checkDate } from '../../genesis/check.ts'
import { newDraft } from '../../genesis/draft.ts'
import { genesisHash } from '../../genesis/schema.ts'
import { systemClock } from '../../node/clock.ts'
import { printJson, wholeNumber } from '../common.ts'
import { writeGenesis } from './files.ts'
import { addressOf, priceOf, spoken, timeOf } from './terms.ts'

const CHAIN_ID_MAX = 4_503_599_627_370_476
const DECIMALS_MAX = 36

export function addNew(genesis: Command): void {
  genesis
    .command('new')
    .description('start a network: write a draft, to which each member adds its part')
    .requiredOption('--name <name>', 'name of the network')
    .requiredOption('--chain-id <id>', 'an id that no other network has', wholeNumber(1, CHAIN_ID_MAX))
    .addOption(new Option('--preset <preset>', 'set of parameters').choices(PRESETS).default('main'))
    .option('--time <time>', 'time of block 0, UTC, such as 2027-01-15T09:00Z; default: now')
    .requiredOption('--asset-issuer <address>', 'account that issues the settlement asset')
    .requiredOption('--coin-price <price>', 'price of one coin in the settlement asset, such as 3.0282')
    .option('--asset-name <name>', 'name of the settlement asset', 'US dollar')
    .option('--asset-symbol <symbol>', 'its symbol', 'USDX')
    .option('--asset-decimals <count>', 'its decimals', wholeNumber(0, DECIMALS_MAX), 6)
    .option('-o, --out <file>', 'file to write', 'draft.json')
    .action((options) => {
      const { name, chainId, preset, out, assetDecimals: decimals } = options
      const nowMs = systemClock().nowMs()
      // Whole seconds, as wallets show them.
      const timestampMs = options.time === undefined ? Math.floor(nowMs / 1000) * 1000 : timeOf(options.time)
      const draft = newDraft({
        preset,
        name,
        chainId,
        timestampMs,
        asset: {
          name: options.assetName,
          symbol: options.assetSymbol,
          decimals,
          issuer: addressOf(options.assetIssuer, '--asset-issuer'),
          coinPriceBase: priceOf(options.coinPrice, decimals),
        },
      })
      checkDate(draft, nowMs)
      writeGenesis(out, draft)
      const hash = toHex(genesisHash(draft))
      printJson({
        file: out,
        name,
        chainId,
        preset,
        time: new Date(timestampMs).toISOString(),
        draft: hash,
        aloud: spoken(hash),
      })
    })
}
