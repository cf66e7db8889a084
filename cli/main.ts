#!/usr/bin/env node
// The entry of the `suanli` program. Owns: which build runs. Not: the command line (cli.ts).
//
// The build also joins all modules into a few files (scripts/bundleProgram.ts), because two fifths of a node's start were spent on finding
// and reading 1,400 of them. They run unless the compiler has written anything since.
import { statSync } from 'node:fs'

const writtenMs = (path: string): number =>
  statSync(new URL(path, import.meta.url), { throwIfNoEntry: false })?.mtimeMs ?? Number.NEGATIVE_INFINITY

const joined = '../program/cli.js'
if (writtenMs(joined) > 0 && writtenMs(joined) >= writtenMs('../.tsbuildinfo')) {
  await import(new URL(joined, import.meta.url).href)
} else await import('./cli.ts')
