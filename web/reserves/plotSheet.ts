// What uPlot needs of a style sheet, in the page's own colours.
import { css } from 'lit'

export const plotSheet = css`
  .uplot,
  .uplot *,
  .uplot *::before,
  .uplot *::after {
    box-sizing: border-box;
  }
  .uplot {
    width: min-content;
    font-size: var(--text-s);
  }
  .u-wrap {
    position: relative;
    user-select: none;
  }
  .u-over,
  .u-under {
    position: absolute;
  }
  .u-under {
    overflow: hidden;
  }
  .uplot canvas {
    display: block;
    position: relative;
    width: 100%;
    height: 100%;
  }
  .u-axis {
    position: absolute;
  }
  .u-legend {
    width: auto;
    margin: var(--gap-2) auto 0;
  }
  .u-inline {
    display: block;
  }
  .u-inline tr {
    display: inline-block;
    margin-inline-end: var(--gap-4);
  }
  .u-legend th,
  .u-legend td {
    display: inline-block;
    padding: 0;
    border: 0;
    font-weight: 500;
    vertical-align: middle;
  }
  .u-legend td {
    min-width: 4.5rem;
    padding-inline-start: var(--gap-2);
    font-weight: 400;
    color: var(--soft);
  }
  .u-legend .u-marker {
    display: inline-block;
    width: 0.7em;
    height: 0.7em;
    margin-inline-end: 0.4em;
    background-clip: padding-box !important;
    border-radius: 2px;
  }
  .u-legend .u-label {
    display: inline-block;
  }
  .u-hz .u-cursor-x,
  .u-vt .u-cursor-y {
    height: 100%;
    border-inline-end: 1px dashed var(--line-strong);
  }
  .u-hz .u-cursor-y,
  .u-vt .u-cursor-x {
    width: 100%;
    border-block-end: 1px dashed var(--line-strong);
  }
  .u-cursor-x,
  .u-cursor-y {
    position: absolute;
    inset-inline-start: 0;
    inset-block-start: 0;
    pointer-events: none;
  }
  .u-cursor-pt {
    position: absolute;
    inset-block-start: 0;
    inset-inline-start: 0;
    border-radius: 50%;
    border: 0 solid;
    pointer-events: none;
    background-clip: padding-box !important;
  }
  .u-off,
  .u-select {
    display: none;
  }
`
