// Light or dark: the reader's choice, else the system's. Owns: the choice.
export const THEMES = ['system', 'light', 'dark'] as const
export type Theme = (typeof THEMES)[number]

const KEY = 'suanli.theme'

export function theme(): Theme {
  const kept = localStorage.getItem(KEY)
  return THEMES.find((one) => one === kept) ?? 'system'
}

function show(next: Theme): void {
  if (next === 'system') delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = next
}

export function setTheme(next: Theme): void {
  localStorage.setItem(KEY, next)
  show(next)
}

export function startTheme(): void {
  show(theme())
}
