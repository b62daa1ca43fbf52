"""The multi-omic autoencoder beside simple rules and the field's methods, on cells that nothing was trained on."""
