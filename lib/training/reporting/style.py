"""What the figures and the report's page must agree on."""

# Text and axes are drawn in this colour and in nothing else; the report replaces it by the colour of the page's text,
# so that a dark page needs no second picture.
INK = "#2b2d31"
