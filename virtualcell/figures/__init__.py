"""Pictures: functions that take arrays and return a Plotly figure. No Streamlit, no files, no models."""
