// Requests that the reader keeps in this browser. Owns: their list, its bound, and damaged entries. Nothing is sent anywhere.
import type { Json } from '../../base/field.ts'

const KEY = 'suanli.requests'
export const SAVED_MAX = 50
const LENGTH_MAX = 16_384

export interface Saved {
  readonly method: string
  readonly params: Json
}

function isSaved(one: unknown): one is Saved {
  return (
    typeof one === 'object' && one !== null && typeof (one as Saved).method === 'string' && 'params' in one
  )
}

/** Newest first; what cannot be read is left out. */
export function savedRequests(): readonly Saved[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? '[]')
    return Array.isArray(kept) ? kept.filter(isSaved).slice(0, SAVED_MAX) : []
  } catch {
    return []
  }
}

const same = (a: Saved, b: Saved): boolean =>
  a.method === b.method && JSON.stringify(a.params) === JSON.stringify(b.params)

function store(list: readonly Saved[]): boolean {
  try {
    localStorage.setItem(KEY, JSON.stringify(list))
    return true
  } catch {
    return false
  }
}

/** False when it is too long, or the browser keeps nothing. */
export function save(one: Saved): boolean {
  if (JSON.stringify(one).length > LENGTH_MAX) return false
  return store([one, ...savedRequests().filter((other) => !same(one, other))].slice(0, SAVED_MAX))
}

export function forget(one: Saved): void {
  store(savedRequests().filter((other) => !same(one, other)))
}
