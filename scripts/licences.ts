// The licences of packages that are joined into a bundle, as their authors ask of whoever passes them on.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** `inputs`: paths of what was joined, relative to `root`. */
export function licences(root: string, inputs: readonly string[]): string {
  const folders = new Set(inputs.flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? []))
  return [...folders]
    .sort()
    .map((folder) => {
      const path = join(root, folder)
      const { name, version, license } = JSON.parse(readFileSync(join(path, 'package.json'), 'utf8'))
      const texts = readdirSync(path).filter((file) => /^(?:licen[cs]e|notice)/i.test(file))
      const title = `${name} ${version}, ${license}`
      return [title, ...texts.map((file) => readFileSync(join(path, file), 'utf8').trim())].join('\n\n')
    })
    .join(`\n\n${'-'.repeat(80)}\n\n`)
}
