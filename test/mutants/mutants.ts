// The mutants of guards/ and bugs/. Not: hunting them (hunter.ts).
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { applyEdit } from './edit.ts'
import { GUARDS } from './guards/all.ts'
import type { Mutant } from './hunter.ts'
import { applyPatch, parsePatch } from './patch.ts'

const PATCHES = 'test/mutants/bugs'

export function bugs(root: string): readonly Mutant[] {
  const files = readdirSync(join(root, PATCHES)).filter((file) => file.endsWith('.patch'))
  return files.sort().map((file) => {
    const patch = parsePatch(readFileSync(join(root, PATCHES, file), 'utf8'))
    return {
      name: file.slice(0, -'.patch'.length),
      isSimulated: patch.tests === undefined,
      hint: patch.hint,
      specs: patch.tests?.map((name) => `dist/test/${name}.test.js`),
      change: (source) => new Map(patch.files.map((f) => [f.file, applyPatch(source(f.file), f)])),
    }
  })
}

export function guards(): readonly Mutant[] {
  return GUARDS.map((edit) => ({
    name: edit.name,
    isSimulated: false,
    hint: undefined,
    specs: edit.specs,
    change: (source) => new Map([[edit.file, applyEdit(source(edit.file), edit)]]),
  }))
}
