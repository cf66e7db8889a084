// Colours, type and space of the page; every other sheet uses these names. Contrast of text is at least 4.5 to 1 in both themes.
import { css } from 'lit'

export const tokens = css`
  :root {
    color-scheme: light dark;
    --paper: light-dark(#fbfaf7, #101413);
    --card: light-dark(#ffffff, #171c1b);
    --sunken: light-dark(#f3f1ec, #0c100f);
    --line: light-dark(#e2dfd7, #2a3230);
    --line-strong: light-dark(#8b8d86, #6c7672);
    --ink: light-dark(#1a1f1d, #e9edeb);
    --soft: light-dark(#565c58, #a5afab);
    --accent: light-dark(#0b6152, #62cdb5);
    --accent-ink: light-dark(#ffffff, #06251f);
    --accent-wash: light-dark(#e4f1ed, #14312b);
    --good: light-dark(#17693b, #6fcf97);
    --good-wash: light-dark(#e3f3e8, #12301e);
    --warn: light-dark(#86500a, #eab464);
    --warn-wash: light-dark(#fbf0dc, #35270f);
    --bad: light-dark(#a92b22, #f28b80);
    --bad-wash: light-dark(#fbe6e3, #3a1714);
    --info: light-dark(#2a5488, #8fb8ec);
    --info-wash: light-dark(#e6eef8, #14263c);
    --plot-1: light-dark(#0b7a66, #4fbfa6);
    --plot-2: light-dark(#b0762a, #d9a45a);
    --plot-3: light-dark(#4a69a8, #86a5e0);
    --plot-4: light-dark(#9c4a6f, #d986ab);
    --plot-rest: light-dark(#d9d5cb, #333c39);

    --sans: 'Inter', system-ui, 'Segoe UI', Roboto, 'PingFang TC', 'Noto Sans TC', 'Noto Sans CJK TC', 'Microsoft JhengHei', sans-serif;
    --mono: ui-monospace, 'SF Mono', 'JetBrains Mono', Menlo, Consolas, 'Liberation Mono', monospace;
    --text-s: 0.8125rem;
    --text-m: 0.9375rem;
    --text-l: 1.125rem;
    --text-xl: 1.5rem;
    --text-xxl: clamp(1.75rem, 1.2rem + 2.2vw, 2.5rem);

    --gap-1: 0.25rem;
    --gap-2: 0.5rem;
    --gap-3: 0.75rem;
    --gap-4: 1rem;
    --gap-5: 1.5rem;
    --gap-6: 2.25rem;
    --round: 10px;
    --round-s: 6px;
  }
  :root[data-theme='light'] {
    color-scheme: light;
  }
  :root[data-theme='dark'] {
    color-scheme: dark;
  }
`
