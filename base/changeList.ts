// The value of a record that lists members whose figures have changed. Not: how it is kept (state/changeList.ts).
import { VALIDATORS_MAX } from './protocol/limits.ts'
import { t } from './schema.ts'

/** Each member at most once, in order of its first change; the record's key is empty. */
export const changeListFields = { providers: t.list(t.u64, VALIDATORS_MAX) }
