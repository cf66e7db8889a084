// The two lines that add notary: what state/schemas.ts and state/registry.ts would have.
import { MODULES } from '../../../state/registry.ts'
import type { Module } from '../../../state/rules.ts'
import { schemas } from '../../../state/schemas.ts'
import { notaryModule } from './module.ts'
import { notarySchema } from './schema.ts'

export const schemasWithNotary = { ...schemas, notary: notarySchema } as const
export const modulesWithNotary: readonly Module[] = [...MODULES, notaryModule]
