// Unified diffs: parsing, and exact application to text. Lines before the first `---` describe the bug.

interface Hunk {
  readonly before: readonly string[]
  readonly after: readonly string[]
}

export interface FilePatch {
  readonly file: string
  readonly hunks: readonly Hunk[]
}

export interface Patch {
  /** First line of the description. */
  readonly title: string
  /** `Look first: SCENARIO` in the description: where the hunt starts. */
  readonly hint: string | undefined
  /** `Tests: NAME, …` in the description: the tests that must find a bug outside the simulated core, paths below test/. */
  readonly tests: readonly string[] | undefined
  readonly files: readonly FilePatch[]
}

/** Parses `git diff` output; ignores line numbers and relies on context. Throws on anything else. */
export function parsePatch(text: string): Patch {
  const lines = text.split('\n')
  const files: { file: string; hunks: { before: string[]; after: string[] }[] }[] = []
  for (const line of lines) {
    const file = files.at(-1)
    const hunk = file?.hunks.at(-1)
    if (line.startsWith('--- ')) files.push({ file: '', hunks: [] })
    else if (line.startsWith('+++ b/') && file !== undefined) file.file = line.slice(6)
    else if (line.startsWith('@@') && file !== undefined) file.hunks.push({ before: [], after: [] })
    else if (hunk === undefined) continue
    else if (line.startsWith('-')) hunk.before.push(line.slice(1))
    else if (line.startsWith('+')) hunk.after.push(line.slice(1))
    else if (line.startsWith(' ')) {
      hunk.before.push(line.slice(1))
      hunk.after.push(line.slice(1))
    } else if (line !== '' && !line.startsWith('diff ') && !line.startsWith('index ')) {
      throw new Error(`not a line of a patch: ${JSON.stringify(line)}`)
    }
  }
  if (files.length === 0 || files.some((f) => f.file === '' || f.hunks.length === 0)) {
    throw new Error('a patch names a file and has a hunk')
  }
  const hint = /^Look first: (.+)$/m.exec(text)?.[1]
  const tests = /^Tests: (.+)$/m.exec(text)?.[1]?.split(', ')
  return { title: lines[0]!, hint, tests, files }
}

/** The patched text. Throws unless each hunk's old lines occur exactly once. */
export function applyPatch(source: string, patch: FilePatch): string {
  let text = source
  for (const { before, after } of patch.hunks) {
    const old = `${before.join('\n')}\n`
    const at = `\n${text}`.indexOf(`\n${old}`)
    if (at < 0) throw new Error(`${patch.file}: no such lines: ${old}`)
    if (`\n${text}`.indexOf(`\n${old}`, at + 1) >= 0) {
      throw new Error(`${patch.file}: more than one place: ${old}`)
    }
    const fresh = after.length === 0 ? '' : `${after.join('\n')}\n`
    text = text.slice(0, at) + fresh + text.slice(at + old.length)
  }
  return text
}
