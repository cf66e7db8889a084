// The page that a node serves. READ FIRST in web/. Owns: the start. Not: the frame (frame/app.ts), the views (frame/views.ts).
import { startApp } from './frame/app.ts'
import { startTheme } from './frame/theme.ts'
import { adoptDesign } from './ui/sheets/adopt.ts'

startTheme()
adoptDesign()
startApp()
