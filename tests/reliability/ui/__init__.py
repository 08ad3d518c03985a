"""The web UI under attack, without JavaScript, and for people who do not see it."""
