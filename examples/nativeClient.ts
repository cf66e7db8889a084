// Redeems coins with the project's own client: queries, calls and events of native modules, typed.
//   node nativeClient.ts [coins]
// ETH_RPC_URL is a devnet; by default the one on this machine. The holder is its well-known account 8.
// #region redeem
import {
  createClient,
  eventsOf,
  formatCoins,
  httpTransport,
  mnemonicAccount,
  parseCoins,
  redemption,
} from 'suanli/client'

const client = createClient(httpTransport(process.env.ETH_RPC_URL ?? 'http://127.0.0.1:8545'))
const words = 'test test test test test test test test test test test junk'
const account = mnemonicAccount(words, { index: 8 })

const { minimumBase } = (await client.query(redemption, 'queue', {}))!
const receipt = await client.send(
  account,
  redemption.request({
    amountBase: parseCoins(process.argv[2] ?? '3')!,
    service: 'infer',
    provider: 0, // 0, '' and zero bytes: no constraint
    ratingMin: 0n,
    region: '',
    startBy: 0,
    finishBy: 0,
    jobHash: `0x${'00'.repeat(32)}`,
    clientKey: '0x',
    voucherKey: `0x${'00'.repeat(20)}`,
  }),
)
for (const { name, args } of eventsOf(redemption, receipt.logs)) {
  if (name === 'Requested') console.log(`Redemption ${args.id}: ${formatCoins(args.amountBase)} ACPC`)
}
// #endregion
console.log(`In block ${receipt.height}; requests are of ${formatCoins(minimumBase)} ACPC at least`)
