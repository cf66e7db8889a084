// Names that people read: printable, and no two that a reader would take for one. Used by genesis and by admissions.
// What a composed form is never changes for characters that a version of Unicode has; which ones those are is frozen in nameCharacters.ts.
import { isPrintable, withoutSilent } from './nameCharacters.ts'

/** Why a name cannot be shown as it is, or undefined. */
export function nameFault(name: string): string | undefined {
  if (name === '') return 'expected a name'
  if (name !== name.trim()) return 'expected no space around it'
  if (!isPrintable(name)) return 'expected printable characters'
  return name === name.normalize('NFC') ? undefined : 'expected the composed form of its characters (NFC)'
}

/** What two spellings of one name share: compatibility forms, case, accents, spaces and punctuation are gone. */
export function foldedName(name: string): string {
  const folded = name.normalize('NFKD').toLowerCase().normalize('NFKD')
  return withoutSilent(folded)
}
