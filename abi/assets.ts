// Generated from the module definitions in state/ by scripts/writeAbi.ts; do not edit.

export const assetsAddress = '0x7375616e6c690000000000000000000000000002' as const

/** Registered assets besides the coin: issue, redeem, and balances with the same transfer rules. */
export const assetsAbi = [
  {"type":"function","name":"issue","inputs":[{"name":"asset","type":"uint64"},{"name":"to","type":"address"},{"name":"amountBase","type":"uint256"}],"outputs":[],"stateMutability":"nonpayable"},
  {"type":"function","name":"redeem","inputs":[{"name":"asset","type":"uint64"},{"name":"amountBase","type":"uint256"}],"outputs":[],"stateMutability":"nonpayable"},
  {"type":"function","name":"asset","inputs":[{"name":"asset","type":"uint64"}],"outputs":[{"name":"","type":"tuple","components":[{"name":"id","type":"uint64"},{"name":"issuer","type":"address"},{"name":"name","type":"string"},{"name":"symbol","type":"string"},{"name":"decimals","type":"uint8"},{"name":"supplyBase","type":"uint256"}]}],"stateMutability":"view"},
  {"type":"function","name":"assets","inputs":[],"outputs":[{"name":"","type":"tuple[]","components":[{"name":"id","type":"uint64"},{"name":"issuer","type":"address"},{"name":"name","type":"string"},{"name":"symbol","type":"string"},{"name":"decimals","type":"uint8"},{"name":"supplyBase","type":"uint256"}]}],"stateMutability":"view"},
  {"type":"function","name":"balance","inputs":[{"name":"asset","type":"uint64"},{"name":"owner","type":"address"}],"outputs":[{"name":"","type":"uint256"}],"stateMutability":"view"},
  {"type":"error","name":"UnknownAsset","inputs":[{"name":"asset","type":"uint64"}]},
  {"type":"error","name":"NotIssuer","inputs":[{"name":"asset","type":"uint64"},{"name":"issuer","type":"address"}]},
  {"type":"error","name":"InsufficientAsset","inputs":[{"name":"asset","type":"uint64"},{"name":"balanceBase","type":"uint256"},{"name":"neededBase","type":"uint256"}]},
  {"type":"error","name":"AssetSupplyTooLarge","inputs":[{"name":"asset","type":"uint64"},{"name":"maximumBase","type":"uint256"}]},
  {"type":"error","name":"AssetRecipientRefused","inputs":[{"name":"recipient","type":"address"}]},
  {"type":"error","name":"IssuedByChain","inputs":[{"name":"asset","type":"uint64"}]},
  {"type":"error","name":"UnknownAction","inputs":[{"name":"selector","type":"bytes4"}]},
  {"type":"error","name":"MalformedCalldata","inputs":[]},
  {"type":"error","name":"ValueNotAccepted","inputs":[]},
  {"type":"error","name":"NoAction","inputs":[]},
  {"type":"error","name":"UnreachableAddress","inputs":[{"name":"to","type":"address"}]},
  {"type":"error","name":"ReadOnly","inputs":[]},
  {"type":"error","name":"InsufficientCoins","inputs":[{"name":"balanceBase","type":"uint256"},{"name":"neededBase","type":"uint256"}]},
  {"type":"error","name":"DebitRefused","inputs":[{"name":"account","type":"address"},{"name":"asset","type":"uint64"},{"name":"reason","type":"string"}]},
  {"type":"error","name":"NotFound","inputs":[]},
  {"type":"event","name":"Failed","inputs":[{"name":"selector","type":"bytes4","indexed":true},{"name":"reason","type":"bytes","indexed":false}]},
] as const
