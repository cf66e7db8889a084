// One change to one source file, applied to text, never to the working tree. Not: running mutants (main.ts).

/** Replaces `find`, which must occur exactly once in the file, by `replace`. */
export interface Edit {
  /** Unique; what `--only` takes. */
  readonly name: string
  readonly file: string
  readonly find: string
  readonly replace: string
  /** What goes wrong without the guard. */
  readonly why: string
  /** The unit tests that must find it, where those of consensus and base and the simulator cannot. */
  readonly tests?: readonly string[]
}

/** The changed text. Throws when the edit no longer matches the source, so that a stale list fails. */
export function applyEdit(source: string, edit: Edit): string {
  const at = source.indexOf(edit.find)
  if (at < 0) throw new Error(`${edit.name}: ${edit.file} no longer has ${JSON.stringify(edit.find)}`)
  if (source.indexOf(edit.find, at + 1) >= 0) {
    throw new Error(`${edit.name}: ${edit.file} has ${JSON.stringify(edit.find)} more than once`)
  }
  return source.slice(0, at) + edit.replace + source.slice(at + edit.find.length)
}

/** Edits of one file in short form: `[name, find, replace, why]`. */
export function editsOf(
  file: string,
  rows: readonly (readonly [name: string, find: string, replace: string, why: string])[],
): readonly Edit[] {
  return rows.map(([name, find, replace, why]) => ({ name, file, find, replace, why }))
}
