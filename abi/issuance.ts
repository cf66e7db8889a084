// Generated from the module definitions in state/ by scripts/writeAbi.ts; do not edit.

export const issuanceAddress = '0x7375616e6c690000000000000000000000000008' as const

/** Liabilities of providers: minting coins against pledged capacity, and retiring them. */
export const issuanceAbi = [
  {"type":"function","name":"mint","inputs":[{"name":"to","type":"address"},{"name":"amountBase","type":"uint256"}],"outputs":[],"stateMutability":"nonpayable"},
  {"type":"function","name":"retire","inputs":[{"name":"amountBase","type":"uint256"}],"outputs":[],"stateMutability":"nonpayable"},
  {"type":"function","name":"quota","inputs":[{"name":"provider","type":"uint64"}],"outputs":[{"name":"","type":"tuple","components":[{"name":"provider","type":"uint64"},{"name":"mintableBase","type":"uint256"},{"name":"blocked","type":"string"},{"name":"quotaBase","type":"uint256"},{"name":"jointBase","type":"uint256"},{"name":"ownBackingBase","type":"uint256"},{"name":"frontLoadBase","type":"uint256"},{"name":"bondBase","type":"uint256"},{"name":"bondValueBase","type":"uint256"}]}],"stateMutability":"view"},
  {"type":"error","name":"NotProvider","inputs":[{"name":"sender","type":"address"}]},
  {"type":"error","name":"ProviderNotActive","inputs":[{"name":"provider","type":"uint64"},{"name":"status","type":"uint8"}]},
  {"type":"error","name":"ZeroAmount","inputs":[]},
  {"type":"error","name":"RecipientRefused","inputs":[{"name":"recipient","type":"address"}]},
  {"type":"error","name":"MintingStopped","inputs":[{"name":"reason","type":"string"}]},
  {"type":"error","name":"CoverageShortfall","inputs":[{"name":"shortfallBase","type":"uint256"}]},
  {"type":"error","name":"UnderNotice","inputs":[{"name":"provider","type":"uint64"},{"name":"lastWindow","type":"uint64"}]},
  {"type":"error","name":"QuotaExceeded","inputs":[{"name":"provider","type":"uint64"},{"name":"amountBase","type":"uint256"},{"name":"mintableBase","type":"uint256"}]},
  {"type":"error","name":"JointLimitExceeded","inputs":[{"name":"provider","type":"uint64"},{"name":"amountBase","type":"uint256"},{"name":"mintableBase","type":"uint256"}]},
  {"type":"error","name":"OwnBackingExceeded","inputs":[{"name":"provider","type":"uint64"},{"name":"amountBase","type":"uint256"},{"name":"mintableBase","type":"uint256"}]},
  {"type":"error","name":"FrontLoadExceeded","inputs":[{"name":"provider","type":"uint64"},{"name":"amountBase","type":"uint256"},{"name":"mintableBase","type":"uint256"}]},
  {"type":"error","name":"BondTooSmall","inputs":[{"name":"provider","type":"uint64"},{"name":"amountBase","type":"uint256"},{"name":"mintableBase","type":"uint256"},{"name":"bondValueBase","type":"uint256"}]},
  {"type":"error","name":"NothingToRetire","inputs":[{"name":"provider","type":"uint64"}]},
  {"type":"error","name":"InsufficientCoins","inputs":[{"name":"balanceBase","type":"uint256"},{"name":"neededBase","type":"uint256"}]},
  {"type":"error","name":"UnknownAction","inputs":[{"name":"selector","type":"bytes4"}]},
  {"type":"error","name":"MalformedCalldata","inputs":[]},
  {"type":"error","name":"ValueNotAccepted","inputs":[]},
  {"type":"error","name":"NoAction","inputs":[]},
  {"type":"error","name":"UnreachableAddress","inputs":[{"name":"to","type":"address"}]},
  {"type":"error","name":"ReadOnly","inputs":[]},
  {"type":"error","name":"NotFound","inputs":[]},
  {"type":"event","name":"Minted","inputs":[{"name":"provider","type":"uint64","indexed":true},{"name":"to","type":"address","indexed":true},{"name":"amountBase","type":"uint256","indexed":false},{"name":"lockedBase","type":"uint256","indexed":false},{"name":"liabilityBase","type":"uint256","indexed":false}]},
  {"type":"event","name":"Retired","inputs":[{"name":"provider","type":"uint64","indexed":true},{"name":"amountBase","type":"uint256","indexed":false},{"name":"liabilityBase","type":"uint256","indexed":false}]},
  {"type":"event","name":"LiabilityBurned","inputs":[{"name":"provider","type":"uint64","indexed":true},{"name":"amountBase","type":"uint256","indexed":false},{"name":"liabilityBase","type":"uint256","indexed":false}]},
  {"type":"event","name":"LockReleased","inputs":[{"name":"provider","type":"uint64","indexed":true},{"name":"amountBase","type":"uint256","indexed":false},{"name":"lockedBase","type":"uint256","indexed":false}]},
  {"type":"event","name":"ShortfallBegan","inputs":[{"name":"windowIndex","type":"uint64","indexed":false},{"name":"shortfallBase","type":"uint256","indexed":false}]},
  {"type":"event","name":"ShortfallCured","inputs":[{"name":"windowIndex","type":"uint64","indexed":false}]},
  {"type":"event","name":"MintingWasStopped","inputs":[{"name":"reason","type":"string","indexed":false}]},
  {"type":"event","name":"Failed","inputs":[{"name":"selector","type":"bytes4","indexed":true},{"name":"reason","type":"bytes","indexed":false}]},
] as const
