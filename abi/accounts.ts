// Generated from the module definitions in state/ by scripts/writeAbi.ts; do not edit.

export const accountsAddress = '0x7375616e6c690000000000000000000000000001' as const

/** Coin balances and nonces, the supply, and the parameters of blocks and fees. */
export const accountsAbi = [
  {"type":"function","name":"batch","inputs":[{"name":"calls","type":"tuple[]","components":[{"name":"to","type":"address"},{"name":"value","type":"uint256"},{"name":"data","type":"bytes"}]}],"outputs":[],"stateMutability":"nonpayable"},
  {"type":"function","name":"balance","inputs":[{"name":"address","type":"address"}],"outputs":[{"name":"","type":"tuple","components":[{"name":"balanceBase","type":"uint256"},{"name":"nonce","type":"uint64"}]}],"stateMutability":"view"},
  {"type":"function","name":"supply","inputs":[],"outputs":[{"name":"","type":"uint256"}],"stateMutability":"view"},
  {"type":"error","name":"NestedBatch","inputs":[{"name":"index","type":"uint32"}]},
  {"type":"error","name":"BatchFailed","inputs":[{"name":"index","type":"uint32"},{"name":"reason","type":"bytes"}]},
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
