// What others import as `suanli/redeem`: coins into AI work. Inside this repository everybody imports the files themselves.
export type { Voucher } from '../base/eip712.ts'
export type { DoorFetch } from './redemption/bodies.ts'
export type { Grant, GrantFor } from './redemption/grant.ts'
export { apiKeyText, clientKeyOf, endpointOf, openGrant, parseApiKey, sealGrant } from './redemption/grant.ts'
export { RedeemKeys, redeemKeys } from './redemption/keys.ts'
export type { MeterState } from './redemption/ownMeter.ts'
export type { Parity, ParTerms, Reference } from './redemption/parity.ts'
export {
  abovePar,
  jobParity,
  modelParity,
  parDeviceSecondPrice,
  parTokenPrice,
  parTokensPerCoin,
} from './redemption/parity.ts'
export type { RedeemErrorCode } from './redemption/redeemError.ts'
export { RedeemError } from './redemption/redeemError.ts'
export type { RedeemerOptions, RedeemStore } from './redemption/redeemer.ts'
export { Redeemer } from './redemption/redeemer.ts'
export type { RedeemRequest } from './redemption/request.ts'
export { requestRedemption } from './redemption/request.ts'
export type { StatementPoint } from './redemption/statement.ts'
export { checkStatement, nextHead, signStatement, statementStart } from './redemption/statement.ts'
export type { RedeemEvents, RedeemState } from './redemption/states.ts'
export {
  RedeemChargeEvent,
  RedeemProblemEvent,
  RedeemStateEvent,
  RedeemVoucherEvent,
} from './redemption/states.ts'
export type { ModelPrices, Priced, Tariff } from './redemption/tariff.ts'
export { costOf, parseTariff, tariffHash, tariffText } from './redemption/tariff.ts'
export type { Usage } from './redemption/usage.ts'
export { usageOf } from './redemption/usage.ts'
export type { SignedVoucher } from './redemption/voucher.ts'
export { signVoucher, verifyVoucher, voucherTypedData } from './redemption/voucher.ts'
export type { Charge, Session, Statement, StatementLine, StreamCharge } from './redemption/wire.ts'
