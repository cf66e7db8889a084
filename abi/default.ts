// Generated from the module definitions in state/ by scripts/writeAbi.ts; do not edit.

export const defaultAddress = '0x7375616e6c69000000000000000000000000000c' as const

/** The guarantee fund: filled by base fees, no-show fees and penalties. */
export const defaultAbi = [
  {"type":"function","name":"fund","inputs":[],"outputs":[{"name":"","type":"tuple","components":[{"name":"heldBase","type":"uint256"},{"name":"targetBase","type":"uint256"},{"name":"feesBase","type":"uint256"}]}],"stateMutability":"view"},
  {"type":"error","name":"UnknownAction","inputs":[{"name":"selector","type":"bytes4"}]},
  {"type":"error","name":"MalformedCalldata","inputs":[]},
  {"type":"error","name":"ValueNotAccepted","inputs":[]},
  {"type":"error","name":"NoAction","inputs":[]},
  {"type":"error","name":"UnreachableAddress","inputs":[{"name":"to","type":"address"}]},
  {"type":"error","name":"ReadOnly","inputs":[]},
  {"type":"error","name":"InsufficientCoins","inputs":[{"name":"balanceBase","type":"uint256"},{"name":"neededBase","type":"uint256"}]},
  {"type":"error","name":"DebitRefused","inputs":[{"name":"account","type":"address"},{"name":"asset","type":"uint64"},{"name":"reason","type":"string"}]},
  {"type":"error","name":"NotFound","inputs":[]},
  {"type":"event","name":"FeesShared","inputs":[{"name":"windowIndex","type":"uint64","indexed":false},{"name":"fundBase","type":"uint256","indexed":false},{"name":"eachBase","type":"uint256","indexed":false},{"name":"validators","type":"uint32","indexed":false}]},
  {"type":"event","name":"Failed","inputs":[{"name":"selector","type":"bytes4","indexed":true},{"name":"reason","type":"bytes","indexed":false}]},
] as const
