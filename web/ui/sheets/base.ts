// Elements as they look without a class, focus, motion and print.
import { css } from 'lit'

export const base = css`
  *,
  *::before,
  *::after {
    box-sizing: border-box;
  }
  html {
    -webkit-text-size-adjust: 100%;
    scrollbar-gutter: stable;
  }
  body {
    margin: 0;
    background: var(--paper);
    color: var(--ink);
    font: var(--text-m) / 1.55 var(--sans);
    font-variant-numeric: tabular-nums;
    overflow-wrap: anywhere;
  }
  :lang(zh-Hant) {
    line-height: 1.7;
  }
  h1,
  h2,
  h3 {
    margin: 0;
    line-height: 1.25;
    font-weight: 600;
    letter-spacing: -0.01em;
    text-wrap: balance;
  }
  h1 {
    font-size: var(--text-xxl);
    letter-spacing: -0.02em;
  }
  h1:focus {
    outline: none;
  }
  h2 {
    font-size: var(--text-l);
  }
  h3 {
    font-size: var(--text-m);
  }
  p {
    margin: 0;
    text-wrap: pretty;
  }
  a {
    color: var(--accent);
    text-decoration-thickness: 1px;
    text-underline-offset: 0.18em;
  }
  a:hover {
    text-decoration-thickness: 2px;
  }
  code,
  pre,
  .mono {
    font-family: var(--mono);
    font-size: 0.92em;
    font-variant-ligatures: none;
  }
  pre {
    margin: 0;
    padding: var(--gap-3);
    overflow: auto;
    background: var(--sunken);
    border: 1px solid var(--line);
    border-radius: var(--round-s);
    white-space: pre;
    overflow-wrap: normal;
  }
  :focus-visible {
    outline: 2px solid var(--accent);
    outline-offset: 2px;
    border-radius: 3px;
  }
  button,
  input,
  select,
  textarea {
    font: inherit;
    color: inherit;
  }
  input,
  select,
  textarea {
    width: 100%;
    min-height: 2.5rem;
    padding: 0.4rem 0.7rem;
    background: var(--card);
    border: 1px solid var(--line-strong);
    border-radius: var(--round-s);
  }
  input[type='checkbox'],
  input[type='radio'] {
    width: auto;
    min-height: 0;
    accent-color: var(--accent);
  }
  button {
    min-height: 2.5rem;
    padding: 0.4rem 1rem;
    background: var(--card);
    border: 1px solid var(--line-strong);
    border-radius: var(--round-s);
    cursor: pointer;
  }
  button:hover {
    border-color: var(--accent);
  }
  button.primary {
    background: var(--accent);
    border-color: var(--accent);
    color: var(--accent-ink);
    font-weight: 600;
  }
  button.plain {
    min-height: 2rem;
    padding: 0.15rem 0.5rem;
    background: none;
    border-color: transparent;
  }
  button:disabled {
    opacity: 0.55;
    cursor: not-allowed;
  }
  label {
    display: block;
    font-weight: 500;
  }
  details > summary {
    cursor: pointer;
  }
  dl {
    margin: 0;
  }
  dd {
    margin: 0;
  }
  ul,
  ol {
    margin: 0;
    padding-inline-start: 1.25em;
  }
  svg {
    display: block;
  }
  .hidden {
    position: absolute;
    width: 1px;
    height: 1px;
    margin: -1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
  @media (prefers-reduced-motion: reduce) {
    *,
    *::before,
    *::after {
      animation-duration: 0.01ms !important;
      animation-iteration-count: 1 !important;
      transition-duration: 0.01ms !important;
    }
  }
  @media print {
    :root {
      color-scheme: light !important;
      --paper: #fff;
    }
    .no-print,
    .toasts {
      display: none !important;
    }
    .card,
    tr {
      break-inside: avoid;
    }
  }
`
