"""Widgets that draw lines of spans; no text is ever read as markup."""
