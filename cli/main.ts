#!/usr/bin/env node
// The entry of the `suanli` program. Owns: which build runs, and that no Node too old for it gets there. Not: the command line (commandLine.ts).
//
// The build also joins all modules into a few files (scripts/bundleProgram.ts), because two fifths of a node's start were spent on finding
// and reading 1,400 of them. They run unless the compiler has written anything since; a package carries no compiler's notes, so there they run.
import { statSync } from 'node:fs'
import { nodeComplaint } from './nodeVersion.ts'

const writtenMs = (path: string): number =>
  statSync(new URL(path, import.meta.url), { throwIfNoEntry: false })?.mtimeMs ?? Number.NEGATIVE_INFINITY

const joined = '../program/cli.js'
const complaint = nodeComplaint(process.version)
if (complaint !== undefined) {
  process.stderr.write(`${complaint}\n`)
  process.exitCode = 1
} else if (writtenMs(joined) > 0 && writtenMs(joined) >= writtenMs('../.tsbuildinfo')) {
  await import(new URL(joined, import.meta.url).href)
} else await import('./cli.ts')
